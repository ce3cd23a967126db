import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { LoadBalancerRegistry } from './load-balancer-registry';
import { LoadBalancerStates } from './load-balancer-states';
import { LOAD_BALANCER_MAPPINGS } from './mappings';

/** Module of pools whose members follow the nodes of an infrastructure. */
@Module({
  imports: [DiscoveryModule],
  providers: [...LOAD_BALANCER_MAPPINGS, LoadBalancerRegistry, LoadBalancerStates],
  exports: [LoadBalancerRegistry, LoadBalancerStates],
})
export class LoadBalancersModule {}
