import { Module } from '@nestjs/common';
import { MetricsModule } from '../metrics/metrics.module';
import { NodeCounter } from './node-counter';
import { NodeLister } from './node-lister';
import { Poller } from './poller';
import { Reads } from './reads';

/** Metrics are read: many at a time, and nodes of infrastructures by them. */
@Module({
  imports: [MetricsModule],
  providers: [Reads, Poller, NodeCounter, NodeLister],
  exports: [MetricsModule, Reads, Poller, NodeCounter, NodeLister],
})
export class PollingModule {}
