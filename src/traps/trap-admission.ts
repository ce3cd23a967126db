import { plainAddress } from '../common/addresses';
import { BerError } from '../snmp/ber';
import type { Datagram } from './datagrams';
import { acknowledgementOf, communityMessage, versionOf } from '../snmp/community-message';
import type { Engines } from '../snmp/engines';
import type { Notification } from '../snmp/notification';
import { refusal, type Refusal } from '../snmp/refusal';
import { OWN_BOOTS, type SecureMessages } from '../snmp/secure-messages';
import { securityParametersOf } from '../snmp/security-parameters';
import { sourceAddressOf } from './source-address';
import type { TrapSource } from './trap-source';

/** Decision on a datagram. */
export type Admission =
  | {
      source: TrapSource;
      notification: Notification;
      sourceAddress: string;
      user?: string;
      /** Response to send once an inform is kept. */
      acknowledgement?: Buffer;
    }
  /** Refusal, or a question about this engine; an answer goes back at once. */
  | { source?: undefined; sender: string; refused?: Refusal; answer?: Buffer };

const MAX_KNOWN_SENDERS = 50_000;
/**
 * Most engines per second that were never heard and whose messages are opened: deriving the keys of one costs
 * milliseconds.
 */
const NEW_ENGINES_PER_SECOND = 50;
const WINDOW_SECONDS = 150;

/**
 * Decides which source takes a datagram, if any: it checks the sender's address first and the cryptography last, as
 * that costs most.
 */
export class TrapAdmission {
  private sources: readonly TrapSource[] = [];
  private fitting = new Map<string, readonly TrapSource[]>();
  private newEngines = { second: 0, count: 0 };

  constructor(
    private readonly secure: SecureMessages,
    private readonly engines: Engines,
  ) {}

  /** Replaces the sources, from the next datagram on. */
  setSources(sources: readonly TrapSource[]): void {
    this.sources = sources;
    this.fitting = new Map();
  }

  admit(datagram: Datagram, now: Date): Admission {
    const sender = plainAddress(datagram.address);
    const sources = this.sourcesFor(sender);
    if (sources.length === 0) return { sender, refused: refusal('network not allowed') };
    try {
      const version = versionOf(datagram.bytes);
      return version === '3'
        ? this.admitSecure(datagram.bytes, sender, sources, now)
        : this.admitByCommunity(datagram.bytes, sender, sources);
    } catch (error) {
      return {
        sender,
        refused: refusal(error instanceof BerError ? 'not an SNMP message' : 'not a notification'),
      };
    }
  }

  private admitByCommunity(bytes: Buffer, sender: string, sources: readonly TrapSource[]): Admission {
    const message = communityMessage(bytes);
    const source = sources.find((one) => one.accepts(message.community));
    if (source === undefined) {
      const elsewhere = this.sources.find((one) => one.accepts(message.community));
      return {
        sender,
        refused: elsewhere ? refusal('network not allowed', elsewhere.id) : refusal('unknown community'),
      };
    }
    if (!message.isNotification) return { sender, refused: refusal('not a notification', source.id) };
    const notification = message.open();
    const acknowledgement = notification.inform ? acknowledgementOf(bytes) : undefined;
    return { acknowledgement, ...admitted(source, notification, sender) };
  }

  private admitSecure(bytes: Buffer, sender: string, sources: readonly TrapSource[], now: Date): Admission {
    const claim = securityParametersOf(bytes);
    const source = sources.find((one) => one.user(claim.user) !== undefined);
    const isCostly = claim.isAuthenticated && source !== undefined && !this.engines.isKnown(claim.engineId);
    if (isCostly && !this.mayMeetEngine(now))
      return { sender, refused: refusal('too many unknown engines', source.id) };
    const { notification, refused, answer } = this.secure.open(bytes, source?.user(claim.user), now);
    if (notification === undefined || source === undefined) {
      const reason = refused ? refusal(refused.reason, source?.id) : reported(claim.user, source);
      return { sender, ...(reason ? { refused: reason } : {}), ...(answer ? { answer } : {}) };
    }
    const isTimely =
      !claim.isAuthenticated ||
      (notification.inform
        ? this.isOurTime(claim, now)
        : this.engines.isTimely(claim, now, { source: source.id, address: sender }));
    if (!isTimely) {
      const refused = { engineId: claim.engineId, ...refusal('replayed', source.id) };
      if (!notification.inform) return { sender, refused };
      const { requestId } = notification.inform;
      const answer = this.secure.reportTo(bytes, source.user(claim.user)!, requestId, now);
      // So it asks for our time, the second step of discovery (RFC 3414, 4).
      return claim.boots === 0 && claim.time === 0 ? { sender, answer } : { sender, refused, answer };
    }
    const acknowledgement = notification.inform ? answer : undefined;
    return { user: claim.user, acknowledgement, ...admitted(source, notification, sender) };
  }

  /** Tells whether an inform is in time: this engine is the authoritative one for it, RFC 3414, 3.2.7 a. */
  private isOurTime({ boots, time }: { boots: number; time: number }, now: Date): boolean {
    return boots === OWN_BOOTS && Math.abs(time - this.secure.timeAt(now)) <= WINDOW_SECONDS;
  }

  private mayMeetEngine(now: Date): boolean {
    const second = Math.floor(now.getTime() / 1000);
    if (this.newEngines.second !== second) this.newEngines = { second, count: 0 };
    return ++this.newEngines.count <= NEW_ENGINES_PER_SECOND;
  }

  private sourcesFor(sender: string): readonly TrapSource[] {
    const known = this.fitting.get(sender);
    if (known !== undefined) return known;
    if (this.fitting.size >= MAX_KNOWN_SENDERS) this.fitting.clear();
    const fitting = this.sources.filter((source) => source.allows(sender));
    this.fitting.set(sender, fitting);
    return fitting;
  }
}

/**
 * Returns the refusal for a message that net-snmp answered with a report. A message without a user name only asked for
 * our engine (discovery), and is not refused.
 */
function reported(user: string, source: TrapSource | undefined): Refusal | undefined {
  if (source !== undefined) return refusal('security level too low', source.id);
  return user === '' ? undefined : refusal('unknown user');
}

function admitted(source: TrapSource, notification: Notification, sender: string) {
  const sourceAddress = sourceAddressOf(notification, sender, source.isRelay(sender));
  return { source, notification, sourceAddress };
}
