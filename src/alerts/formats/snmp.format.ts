import { TextList } from '../../common/fields';
import type { IncomingAlert } from '../alert';
import { DEFAULT_LIFE_SECONDS } from '../alert';
import type { Notification } from '../traps/trap-receiver';
import { AlertFormatMapping, type AlertFormat, type Parsed } from './alert-format';

export class SnmpSourceParams {
  @TextList({ description: 'Communities that are accepted', secret: true, maxItems: 100 })
  communities: string[] = ['public'];
}

@AlertFormatMapping({
  type: 'snmp',
  title: 'SNMP notifications',
  description: 'Traps and informs (v1, v2c) that the trap listener receives over UDP',
  params: SnmpSourceParams,
})
export class Snmp implements AlertFormat<SnmpSourceParams> {
  /** Comes over UDP, never by a request. */
  parse(): Parsed[] {
    return [];
  }
}

/** A notification is an event: each is a new alert, and lives for a while, as nothing says that it is over. */
export function alertOf(notification: Notification, now: Date): IncomingAlert {
  const { version, sourceAddress, trapOid, enterprise, user, varbinds } = notification;
  const labels: Record<string, string> = { trap_oid: trapOid, source_address: sourceAddress, version };
  if (enterprise !== undefined) labels.enterprise = enterprise;
  if (user !== undefined) labels.user = user;
  for (const { oid, value } of varbinds) labels[oid] = String(value);
  return {
    dedupKey: `${sourceAddress} ${trapOid}`,
    status: 'firing',
    labels,
    annotations: {},
    at: now,
    lifeSeconds: DEFAULT_LIFE_SECONDS,
  };
}
