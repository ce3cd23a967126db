import type { IncomingAlert } from '../alerts/alert';
import { DEFAULT_LIFE_SECONDS } from '../alerts/alert';
import type { SnmpEvent, SnmpPair } from '../alerts/formats/snmp.format';
import { normalOid } from '../snmp/oid';
import { keyOf } from '../alerts/formats/reading';
import type { Notification, PlainVarbind } from '../snmp/notification';
import { namesHost } from './source-address';

/** Notification that a source has let in. */
export interface TakenNotification {
  /** Id of the alert it becomes. */
  id: string;
  notification: Notification;
  sourceAddress: string;
  /** User, for version 3. */
  user?: string;
  at: Date;
}

/** Names of OIDs by the MIBs: `IF-MIB::linkDown`. */
export interface TrapNames {
  nameOf(oid: string): string | undefined;
}

const IF_INDEX = '1.3.6.1.2.1.2.2.1.1';
/** Pair linkDown and linkUp of an interface, RFC 2863. */
const LINK: SnmpPair = { raise: '1.3.6.1.6.3.1.1.5.3', clear: '1.3.6.1.6.3.1.1.5.4', key: [IF_INDEX] };

/** Rules by which a source's notifications become alerts: events, raises, and clears of what was raised. */
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
   * Returns the alerts of a notification: one of its own, which lives until it is cleared if it raises something, and
   * else for a while, as an event. A notification that clears ends what was raised, too.
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

/** Returns the sender's part of the key. Devices behind one address of a NAT differ by their inner addresses. */
function senderKey({ agentAddress }: Notification, sourceAddress: string): string {
  const isElsewhere = agentAddress !== undefined && agentAddress !== sourceAddress && namesHost(agentAddress);
  return isElsewhere ? `${sourceAddress}/${agentAddress}` : sourceAddress;
}

/**
 * Returns an object's part of the key: the row of a table, which is what follows the column's OID; of a scalar its
 * value.
 */
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
