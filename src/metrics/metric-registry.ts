import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { MappingRegistry } from '../common/mapping-registry';
import { METRIC_MAPPINGS } from './mappings';
import { MetricMapping, type Metric, type MetricOptions } from './metric';

/** Registry of all metric mappings, by type. */
@Injectable()
export class MetricRegistry extends MappingRegistry<Metric, MetricOptions> {
  constructor(discovery: DiscoveryService) {
    super('metric', discovery, MetricMapping, METRIC_MAPPINGS);
  }

  /** Tells whether a metric is fed from outside and never polled. */
  isPushed(type: string): boolean {
    return this.find(type)?.options.pushed === true;
  }
}
