import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { MappingRegistry } from '../common/mapping-registry';
import { LoadBalancerMapping, type LoadBalancer } from './load-balancer';
import { LOAD_BALANCER_MAPPINGS } from './mappings';

/** Registry of all load balancer mappings, by type. */
@Injectable()
export class LoadBalancerRegistry extends MappingRegistry<LoadBalancer> {
  constructor(discovery: DiscoveryService) {
    super('load balancer', discovery, LoadBalancerMapping, LOAD_BALANCER_MAPPINGS);
  }
}
