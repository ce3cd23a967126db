import type { Type } from '@nestjs/common';
import type { AlertFormat } from './alert-format';
import { Native } from './native.format';
import { Snmp } from './snmp.format';

/** Every alert format: one line each. */
export const ALERT_FORMATS: Type<AlertFormat<never>>[] = [Native, Snmp];
