import type { Type } from '@nestjs/common';
import type { AlertFormat } from './alert-format';
import { Alertmanager } from './alertmanager.format';
import { Auto } from './auto.format';
import { CloudEvents } from './cloudevents.format';
import { Grafana } from './grafana.format';
import { Icinga } from './icinga.format';
import { Native } from './native.format';
import { PagerDuty } from './pagerduty.format';
import { Snmp } from './snmp.format';
import { Sns } from './sns.format';
import { Zabbix } from './zabbix.format';

/** Classes of all alert formats, one line each. */
export const ALERT_FORMATS: Type<AlertFormat<never>>[] = [
  Native,
  Alertmanager,
  Grafana,
  Sns,
  CloudEvents,
  PagerDuty,
  Icinga,
  Zabbix,
  Snmp,
  Auto,
];
