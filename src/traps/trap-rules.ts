import type { IncomingAlert } from '../alerts/alert';
import { DEFAULT_LIFE_SECONDS } from '../alerts/alert';
import type { SnmpEvent, SnmpPair } from '../alerts/formats/snmp.format';
import { normalOid } from '../snmp/oid';
import { keyOf } from '../alerts/formats/reading';
import type { Notification, PlainVarbind } from '../snmp/notification';
import { namesHost } from './source-address';

/** A notification that a source has taken. */
export interface TakenNotification {
  /** Of the alert it becomes. */
  id: string;
  notification: Notification;
  sourceAddress: string;
  /** Version 3 only. */
  user?: string;
  at: Date;
}

/** Names of OIDs, as MIBs say them: `IF-MIB::linkDown`. */
export interface TrapNames {
  nameOf(oid: string): string | undefined;
}

const IF_INDEX = '1.3.6.1.2.1.2.2.1.1';
/** RFC 2863: the link of an interface. */
const LINK: SnmpPair = { raise: '1.3.6.1.6.3.1.1.5.3', clear: '1.3.6.1.6.3.1.1.5.4', key: [IF_INDEX] };

/** What notifications become: events, beginnings, and ends of what began. */
export class TrapRules {
  private readonly raises = new Map<string, SnmpPair>();
  private readonly clears = new Map<string, SnmpPair[]>();
  private readonly events: Map<string, SnmpEvent>;

  constructor(pairs: readonly SnmpPair[] = [], events: readonly SnmpEvent[] = []) {
    const given = pairs.map((pair) => ({
      ...pair,
      raise: normalOid(pair.raise),
      clear: normalOid(pair.clear),
    }));
    const isGiven = given.some(({ raise }) => raise === LINK.raise);
    for (const pair of isGiven ? given : [LINK, ...given]) {
      this.raises.set(pair.raise, pair);
      this.clears.set(pair.clear, [...(this.clears.get(pair.clear) ?? []), pair]);
    }
    this.events = new Map(events.map((event) => [normalOid(event.oid), event]));
  }

  /**
   * Each notification is an alert of its own. One that begins something lives until it is cleared; every other is an event,
   * and lives for a while. One that clears ends what began, too.
   */
  alertsOf(taken: TakenNotification, names: TrapNames): IncomingAlert[] {
    const { id, notification, sourceAddress, at } = taken;
    const { trapOid, varbinds } = notification;
    const from = senderKey(notification, sourceAddress);
    const keyFor = (oid: string, key: readonly string[]) =>
      keyOf([from, oid, ...key.map((prefix) => keyPart(varbinds, normalOid(prefix)))].join(' '));
    const pair = this.raises.get(trapOid);
    const event = this.events.get(trapOid);
    const lifeSeconds = pair ? pair.lifeSeconds : (event?.lifeSeconds ?? DEFAULT_LIFE_SECONDS);
    const alert: IncomingAlert = {
      id,
      dedupKey: keyFor(trapOid, pair?.key ?? event?.key ?? []),
      status: 'firing',
      labels: labelsOf(taken, names),
      annotations: {},
      at,
      lifeSeconds,
    };
    const ends = (this.clears.get(trapOid) ?? []).map(({ raise, key }): IncomingAlert => ({
      dedupKey: keyFor(raise, key),
      status: 'resolved',
      isEnd: true,
      labels: {},
      annotations: {},
    }));
    return [...ends, alert];
  }
}

/** Devices behind one address of a NAT are told apart by their inner ones. */
function senderKey({ agentAddress }: Notification, sourceAddress: string): string {
  const isElsewhere = agentAddress !== undefined && agentAddress !== sourceAddress && namesHost(agentAddress);
  return isElsewhere ? `${sourceAddress}/${agentAddress}` : sourceAddress;
}

/** What tells apart: the row of a table, which is what follows the column's OID; of a scalar its value. */
function keyPart(varbinds: readonly PlainVarbind[], prefix: string): string {
  const found = varbinds.find(
    ({ oid }) => oid.startsWith(prefix) && (oid.length === prefix.length || oid[prefix.length] === '.'),
  );
  if (found === undefined) return '-';
  const row = found.oid.slice(prefix.length + 1);
  return row === '' || row === '0' ? String(found.value) : row;
}

function labelsOf(
  { notification, sourceAddress, user }: TakenNotification,
  names: TrapNames,
): Record<string, string> {
  const { version, trapOid, agentAddress, enterprise, varbinds } = notification;
  const labels: Record<string, string> = { trap_oid: trapOid, source_address: sourceAddress, version };
  const name = names.nameOf(trapOid);
  if (name !== undefined) labels.trap_name = name;
  if (agentAddress !== undefined && agentAddress !== sourceAddress) labels.agent_address = agentAddress;
  if (enterprise !== undefined) labels.enterprise = enterprise;
  if (user !== undefined) labels.user = user;
  for (const { oid, value } of varbinds) labels[oid] = String(value);
  return labels;
}
