import { EventEmitter } from 'node:events';
import {
  Authentication,
  AuthProtocols,
  createReceiver,
  PduType,
  PrivProtocols,
  SecurityLevel,
  type Receiver,
  type ReceiverCallback,
  type ReceiverOptions,
  type User,
} from 'net-snmp';
import { heard } from '../common/heard';
import { mendDes } from './des';
import type { SnmpUser } from './snmp-target';
import { notificationIn, type Notification } from './notification';
import { refusal, type Refusal } from './refusal';
import { openNotification, reportTo } from './secure-notification';

/** Result of opening a version 3 message, and the answer to its sender, if any. */
export interface Opened {
  notification?: Notification;
  refused?: Refusal;
  answer?: Buffer;
}

/** SNMP engine that this installation is (RFC 3411, 3.1.1): the same for all listeners, and after each restart. */
export interface OwnEngine {
  /** Engine id in hexadecimal. */
  id: string;
  /** Moment from which its time is counted; it boots but once. */
  since: Date;
}

export const OWN_BOOTS = 1;
/**
 * Number of derived keys at which net-snmp's cache is emptied: it keeps one per password and engine, and forgets none.
 */
const MAX_KEPT_KEYS = 20_000;

/**
 * Opens version 3 messages (RFC 3412, RFC 3414) with net-snmp, through a socket object that only emits and collects
 * bytes. Messages are opened one at a time, synchronously: the receiver holds the user of the current message alone.
 */
export class SecureMessages {
  private readonly socket = heard(new EmptySocket());
  private readonly receiver: Receiver;
  private result: Parameters<ReceiverCallback> | undefined;
  /** Number of reports of our time. */
  private reports = 0;

  constructor(private readonly engine: OwnEngine) {
    mendDes();
    const options: ReceiverOptions = {
      engineID: engine.id,
      includeAuthentication: true,
      dgramModule: { createSocket: () => this.socket },
    };
    const take: ReceiverCallback = (...result) => (this.result = result);
    this.receiver = createReceiver(options, take) as Receiver;
  }

  /** Returns the seconds on this engine's clock. */
  timeAt(now: Date): number {
    return Math.max(0, Math.floor((now.getTime() - this.engine.since.getTime()) / 1000));
  }

  /** Makes the report that tells our engine and its time to the sender of an inform that was opened. */
  reportTo(datagram: Buffer, user: SnmpUser, requestId: number, now: Date): Buffer {
    const engine = { id: Buffer.from(this.engine.id, 'hex'), boots: OWN_BOOTS, time: this.timeAt(now) };
    return reportTo(datagram, user, engine, requestId, ++this.reports);
  }

  /**
   * Opens a message, and returns its notification, or why it is refused, or what is to be answered.
   *
   * @param user the user whose name the message bears; undefined when there is none of that name, or it bears none
   */
  open(datagram: Buffer, user: SnmpUser | undefined, now: Date): Opened {
    Object.assign(this.receiver.engine, { engineBoots: OWN_BOOTS, engineTime: this.timeAt(now) });
    const opened = user && this.notificationIn(datagram, user);
    if (opened !== undefined) return opened;
    this.setUser(user);
    this.result = undefined;
    this.socket.sent = undefined;
    try {
      // A copy: checking the signature writes into it for a moment.
      this.socket.emit('message', Buffer.from(datagram), { address: '', port: 0 });
    } catch {
      // Writing back an inform's values may fail inside of net-snmp.
      return { refused: refusal('not an SNMP message') };
    }
    return { ...this.outcome(), ...(this.socket.sent === undefined ? {} : { answer: this.socket.sent }) };
  }

  /**
   * Opens a notification without net-snmp's receiver; undefined when it can't: the receiver then says what is wrong, or
   * answers what is asked.
   */
  private notificationIn(datagram: Buffer, user: SnmpUser): Opened | undefined {
    try {
      return openNotification(datagram, user);
    } catch {
      return undefined;
    }
  }

  private outcome(): Opened {
    // It was asked who we are, or was told that it is unknown.
    if (this.result === undefined) return {};
    const [error, received] = this.result;
    if (error || received === undefined) return { refused: reasonOf(error) };
    const { pdu } = received;
    // Without a user name net-snmp lets everything pass.
    if (pdu.type === PduType.Trap || !pdu.user) return { refused: refusal('unknown user') };
    try {
      return { notification: notificationIn(pdu) };
    } catch {
      return { refused: refusal('not a notification') };
    }
  }

  private setUser(user: SnmpUser | undefined): void {
    const authorizer = this.receiver.getAuthorizer();
    for (const { name } of [...authorizer.getUsers()]) authorizer.deleteUser(name);
    if (user !== undefined) authorizer.addUser(userOf(user));
  }
}

/**
 * Empties net-snmp's cache of keys when it is too large; keys that are needed are derived anew. To be called regularly.
 */
export function forgetKeys(): void {
  const cache = Authentication.authToKeyCache as Record<string, unknown>;
  const keys = Object.keys(cache);
  if (keys.length > MAX_KEPT_KEYS) for (const key of keys) delete cache[key];
}

/** Stand-in for the socket that net-snmp opens. */
class EmptySocket extends EventEmitter {
  sent?: Buffer;

  bind(): void {}

  send(message: Buffer): void {
    this.sent = Buffer.from(message);
  }
}

const userOf = ({ user, level, authProtocol, authKey, privProtocol, privKey }: SnmpUser): User => ({
  name: user,
  level: SecurityLevel[level],
  ...(level === 'noAuthNoPriv' ? {} : { authProtocol: AuthProtocols[authProtocol ?? 'sha'], authKey }),
  ...(level === 'authPriv' ? { privProtocol: PrivProtocols[privProtocol ?? 'aes'], privKey } : {}),
});

/** Maps net-snmp's error to a reason by its kind, since its message may hold secrets. */
function reasonOf(error: Error | null): Refusal {
  switch (error?.name) {
    case 'RequestInvalidError':
      return refusal('not a notification');
    case 'RequestFailedError':
      return refusal(/requires/.test(error.message) ? 'security level too low' : 'unknown user');
    case 'ResponseInvalidError':
      return refusal('wrong key');
    default:
      return refusal('not an SNMP message');
  }
}
