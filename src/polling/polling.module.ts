import { Module } from '@nestjs/common';
import { MetricsModule } from '../metrics/metrics.module';
import { NodeCounter } from './node-counter';
import { NodeLister } from './node-lister';
import { Poller } from './poller';
import { Reads } from './reads';

/** Module of polling: reads metrics, many at a time, and by them the nodes of infrastructures. */
@Module({
  imports: [MetricsModule],
  providers: [Reads, Poller, NodeCounter, NodeLister],
  exports: [MetricsModule, Reads, Poller, NodeCounter, NodeLister],
})
export class PollingModule {}
