import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { HttpClient } from './http/http-client';
import { METRIC_MAPPINGS } from './mappings';
import { MetricRegistry } from './metric-registry';
import { NodeCounter } from './node-counter';
import { NodeLister } from './node-lister';
import { Poller } from './poller';
import { TargetReader } from './reader/target-reader';
import { Reads } from './reads';
import { SnmpClient } from './snmp/snmp-client';
import { UploadedMibs } from './snmp/uploaded-mibs';

/** Where numbers come from. */
@Module({
  imports: [DiscoveryModule],
  providers: [
    ...METRIC_MAPPINGS,
    HttpClient,
    SnmpClient,
    TargetReader,
    UploadedMibs,
    MetricRegistry,
    Reads,
    Poller,
    NodeCounter,
    NodeLister,
  ],
  exports: [SnmpClient, MetricRegistry, Reads, Poller, NodeCounter, NodeLister],
})
export class MetricsModule {}
