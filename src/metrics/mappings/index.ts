import type { Type } from '@nestjs/common';
import type { Metric } from '../metric';
import { Alert } from './alert.metric';
import { AwsAutoscalingInstances } from './aws-autoscaling-instances.metric';
import { CloudFormsVms } from './cloudforms-vms.metric';
import { HttpContent } from './http-content.metric';
import { HttpJson } from './http-json.metric';
import { HttpResponseTime } from './http-response-time.metric';
import { HttpStatus } from './http-status.metric';
import { KubernetesReplicas } from './kubernetes-replicas.metric';
import { NumberOfNodes } from './number-of-nodes.metric';
import { PrometheusQuery } from './prometheus-query.metric';
import { RedisListLength } from './redis-list-length.metric';
import { SnmpOid } from './snmp-oid.metric';
import { SnmpOidAverage } from './snmp-oid-average.metric';
import { SqlQuery } from './sql-query.metric';
import { StaticCount } from './static-count.metric';
import { StaticNodes } from './static-nodes.metric';

/** Classes of all metric mappings, one line each. */
export const METRIC_MAPPINGS: Type<Metric<never>>[] = [
  Alert,
  AwsAutoscalingInstances,
  CloudFormsVms,
  HttpContent,
  HttpJson,
  HttpResponseTime,
  HttpStatus,
  KubernetesReplicas,
  NumberOfNodes,
  PrometheusQuery,
  RedisListLength,
  SnmpOid,
  SnmpOidAverage,
  SqlQuery,
  StaticCount,
  StaticNodes,
];
