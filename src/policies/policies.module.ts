import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { POLICY_MAPPINGS } from './';
import { PolicyRegistry } from './policy-registry';

@Module({
  imports: [DiscoveryModule],
  providers: [...POLICY_MAPPINGS, PolicyRegistry],
  exports: [PolicyRegistry],
})
export class PoliciesModule {}
