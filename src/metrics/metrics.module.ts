import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { HttpClient } from './http/http-client';
import { METRIC_MAPPINGS } from './mappings';
import { MetricRegistry } from './metric-registry';
import { TargetReader } from './reader/target-reader';
import { SnmpClient } from '../snmp/snmp-client';
import { UploadedMibs } from '../snmp/uploaded-mibs';

/** Module of the metrics: the mappings, and the clients they read with. */
@Module({
  imports: [DiscoveryModule],
  providers: [...METRIC_MAPPINGS, HttpClient, SnmpClient, TargetReader, UploadedMibs, MetricRegistry],
  exports: [SnmpClient, MetricRegistry],
})
export class MetricsModule {}
