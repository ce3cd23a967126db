import type { Type } from '@nestjs/common';
import type { Metric } from '../metric';
import { Alert } from './alert.metric';
import { CloudFormsVms } from './cloudforms-vms.metric';
import { NumberOfNodes } from './number-of-nodes.metric';
import { RedisListLength } from './redis-list-length.metric';
import { SnmpOid } from './snmp-oid.metric';
import { StaticCount } from './static-count.metric';
import { StaticNodes } from './static-nodes.metric';

/** Every metric mapping: one line each. */
export const METRIC_MAPPINGS: Type<Metric<never>>[] = [
  Alert,
  CloudFormsVms,
  NumberOfNodes,
  RedisListLength,
  SnmpOid,
  StaticCount,
  StaticNodes,
];
