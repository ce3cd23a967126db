import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { MappingRegistry } from '../common/mapping-registry';
import { METRIC_MAPPINGS } from './mappings';
import { MetricMapping, type Metric, type MetricOptions } from './metric';

/** Every metric mapping, by type. */
@Injectable()
export class MetricRegistry extends MappingRegistry<Metric, MetricOptions> {
  constructor(discovery: DiscoveryService) {
    super('metric', discovery, MetricMapping, METRIC_MAPPINGS);
  }

  /** Is it fed from outside, and never polled? */
  isPushed(type: string): boolean {
    return this.find(type)?.options.pushed === true;
  }
}
