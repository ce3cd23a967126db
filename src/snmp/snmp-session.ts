import type { RemoteInfo } from 'node:dgram';
import { isIPv6 } from 'node:net';
import {
  AuthProtocols,
  PrivProtocols,
  SecurityLevel,
  Session,
  Version1,
  Version2c,
  Version3,
  type Message,
  type User,
  type Varbind,
} from 'net-snmp';
import { BrokenAnswer } from './broken-answer';
import { mendDes } from './des';
import { mendKeys } from './keys';
import { requestIdIn } from './request-id';
import { garbled } from './snmp-reason';
import type { SnmpTarget, SnmpUser } from './snmp-target';
import { normalAddress } from './zone';

export interface Tries {
  /** Time for all tries together, milliseconds. */
  timeoutMs: number;
  /** Number of tries after the first one. */
  retries: number;
}

export interface Asking extends Tries {
  /** Whether the question skips the wait for its turn. */
  isUrgent?: boolean;
  /** Aborts when nobody wants the answer any more: others may then take the turn. */
  signal?: AbortSignal;
}

type Req = Parameters<Session['onSimpleGetResponse']>[0];

/** Factor by which each try waits longer than the one before. */
export const BACKOFF = 1.5;

/** Returns how long the first try waits, so that all tries together take `timeoutMs`. */
export const firstTryMs = (timeoutMs: number, retries: number): number =>
  Math.max(1, Math.floor((timeoutMs * (BACKOFF - 1)) / (BACKOFF ** (retries + 1) - 1)));

mendDes();
mendKeys();

/**
 * Socket that asks one address. net-snmp's own session takes answers from anywhere, takes unprotected answers to
 * protected questions, and lets a broken answer end the process: this one does not.
 *
 * States: open; left (takes no new questions and closes when the last waiting one ends); shut. Every question that
 * waits is answered or rejected, also when the session is shut.
 */
export class SnmpSession extends Session {
  /** Whether at least one question was answered. */
  hasAnswered = false;
  /** Why the last message from the agent's address was no SNMP; undefined after a good answer. */
  nonsense: string | undefined;

  private readonly address: string;
  private readonly agentPort: number;
  private readonly user: User | undefined;
  private readonly waiting = new Set<(error: Error) => void>();
  private heard: Buffer | undefined;
  private isLeft = false;
  private isShut = false;

  /** @param address an IP address, already resolved */
  constructor({ port, version, community, v3 }: SnmpTarget, address: string) {
    const options = {
      port,
      transport: isIPv6(address) ? 'udp6' : 'udp4',
      reportOidMismatchErrors: true,
    } as const;
    const user = version === '3' && v3 ? userOf(v3) : undefined;
    if (user) super(address, user, { ...options, version: Version3, context: v3?.contextName ?? '' });
    else super(address, community, { ...options, version: version === '1' ? Version1 : Version2c });
    this.address = normalAddress(address);
    this.agentPort = port;
    this.user = user;
    this.on('error', (error) => this.onNonsense(error));
    // net-snmp calls it as a method of the request.
    this.onSimpleGetResponse = this.onSimpleGetResponse.bind(this);
  }

  /** Asks for objects and returns their values, in the order asked. All tries together take about `timeoutMs`. */
  async ask(oids: string[], tries: Tries): Promise<Varbind[]> {
    const answer = await this.answered<Varbind[]>(tries, (callback) => this.get(oids, callback));
    if (answer.length !== oids.length) throw new BrokenAnswer('it holds no objects');
    return answer;
  }

  /** Asks for the objects that follow this one in the agent's order: one in version 1, else up to so many. */
  async askFollowing(oid: string, atMost: number, tries: Tries): Promise<Varbind[]> {
    if (this.version === Version1)
      return this.answered<Varbind[]>(tries, (callback) => this.getNext([oid], callback));
    const [column = []] = await this.answered<Varbind[][]>(tries, (callback) =>
      this.getBulk([oid], 0, atMost, callback as never),
    );
    return column;
  }

  private async answered<T>(
    { timeoutMs, retries }: Tries,
    send: (callback: (error: Error | null, answer?: T) => void) => void,
  ): Promise<T> {
    this.timeout = firstTryMs(timeoutMs, retries);
    this.retries = retries;
    this.backoff = BACKOFF;
    let fail: (error: Error) => void;
    try {
      const answer = await new Promise<T>((resolve, reject) => {
        fail = reject;
        this.waiting.add(fail);
        send((error, found) => {
          if (error) reject(error);
          else if (found === undefined) reject(new BrokenAnswer('it holds no objects'));
          else resolve(found);
        });
      });
      this.hasAnswered = true;
      this.nonsense = undefined;
      return answer;
    } finally {
      this.waiting.delete(fail!);
      if (this.isLeft && this.waiting.size === 0) this.shut();
    }
  }

  /** Closes the session as soon as nobody waits for an answer any more. */
  leave(): void {
    this.isLeft = true;
    if (this.waiting.size === 0) this.shut();
  }

  /** Closes the session now, and rejects what waits. */
  shut(): void {
    if (this.isShut) return;
    this.isShut = true;
    this.failAll(new Error('the program is stopping'));
    this.close();
  }

  override onMsg(message: Buffer, sender?: RemoteInfo): void {
    if (sender?.address !== this.address || sender.port !== this.agentPort) return;
    this.heard = message;
    try {
      super.onMsg(message);
    } catch (error) {
      // net-snmp has forgotten whose answer that was.
      this.failAll(new BrokenAnswer(garbled(error)));
    }
  }

  /** Fails what waits, at trouble of the socket itself. net-snmp would emit it under no name, and never call back. */
  override onError(error: Error): void {
    this.failAll(error);
  }

  /** Refuses an answer that is less protected than its question, RFC 3412, 7.2.12. */
  override onSimpleGetResponse(req: Req, message: Message): void {
    const level = this.user?.level ?? SecurityLevel.noAuthNoPriv;
    const isProtected =
      (level === SecurityLevel.noAuthNoPriv || message.hasAuthentication()) &&
      (level !== SecurityLevel.authPriv || message.hasPrivacy());
    if (isProtected) super.onSimpleGetResponse(req, message);
    else refuse(req, 'it is less protected than the question');
  }

  private onNonsense(error: Error): void {
    this.nonsense = garbled(error);
    const id = this.heard && requestIdIn(this.heard);
    const req = id === undefined ? null : this.unregisterRequest(id);
    if (req) refuse(req, this.nonsense);
  }

  private failAll(error: Error): void {
    for (const fail of [...this.waiting]) fail(error);
  }
}

/** Rejects a request with a BrokenAnswer, which net-snmp's types don't allow. */
const refuse = (req: Req, why: string): void =>
  (req.responseCb as (error: Error) => void)(new BrokenAnswer(why));

function userOf({ user, level, authProtocol, authKey, privProtocol, privKey }: SnmpUser): User {
  return {
    name: user,
    level: SecurityLevel[level],
    ...(level === 'noAuthNoPriv' ? {} : { authProtocol: AuthProtocols[authProtocol ?? 'none'], authKey }),
    ...(level === 'authPriv' ? { privProtocol: PrivProtocols[privProtocol ?? 'none'], privKey } : {}),
  };
}
