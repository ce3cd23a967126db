import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { MappingRegistry } from '../common/mapping-registry';
import { POLICY_MAPPINGS } from './';
import { PolicyMapping, type Policy } from './policy';

/** Policy mappings by type. */
@Injectable()
export class PolicyRegistry extends MappingRegistry<Policy> {
  constructor(discovery: DiscoveryService) {
    super('policy', discovery, PolicyMapping, POLICY_MAPPINGS);
  }
}
