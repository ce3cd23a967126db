import { isIP } from 'node:net';
import {
  RequestFailedError,
  RequestTimedOutError,
  ResponseInvalidCode,
  ResponseInvalidError,
  type Varbind,
} from 'net-snmp';
import { AddressRefused, guardedAddress } from '../targets/address-guard';
import type { Reading } from '../common/reading';
import { unlessAborted } from '../common/unless-aborted';
import type { ObjectList } from './object-list';
import { QuestionSize } from './question-size';
import { BrokenAnswer } from './broken-answer';
import { SnmpSession, type Asking, type Tries } from './snmp-session';
import type { SnmpTarget } from './snmp-target';
import { numberOf } from './snmp-value';
import { Limiter } from '../common/limiter';

/** Time after which a name is looked up again, and so the longest life of a session to a name. */
export const NAME_COUNTS_MS = 5 * 60_000;
/**
 * Most questions under way to one agent: many agents answer one after the other, and drop what their socket can't hold.
 */
export const QUESTIONS_AT_ONCE = 4;

/** What an agent says of the objects it was asked for, in order; or why it says nothing. */
export type Answer = { readings: readonly Reading[] } | { failure: unknown };

/** Question that was sent. */
export interface Sent {
  /** Its answer, or its failure once all tries are over or it is given up. */
  readonly answer: Promise<Answer>;
  /** Stops waiting for the answer: others may then take its turn. */
  giveUp(): void;
}

/** Thrown when a question was never sent, as others took all of its time. */
export class TurnMissed extends RequestTimedOutError {
  constructor() {
    super('its turn did not come');
  }
}

/** Question of which it is told, too, that its first try is over. */
export interface SentAtOnce extends Sent {
  /** Calls back once: with the answer or failure, or with nothing when the first try is over before. */
  whenSoon(listener: (answer: Answer | undefined) => void): void;
}

/** Agent that is asked in turns. */
export interface Agent {
  /** Why the last message from the agent's address was no SNMP; undefined after a good answer. */
  readonly nonsense: string | undefined;

  /** Number of objects that the agent answers in one question, as far as is known. */
  readonly size: QuestionSize;

  /** Whether the agent has counters of 32 bits, and tells its uptime with them; undefined when that is not known. */
  tellsUpTime: boolean | undefined;

  /**
   * Asks for objects and returns what the agent says of each, in order; an object without a number has the reason, as
   * the end of a sentence. Throws what net-snmp throws, a BrokenAnswer, or the trouble of the network.
   */
  get(list: ObjectList, asking: Asking): Promise<readonly Reading[]>;

  /**
   * Asks as `get`, where nothing is to be waited for before; undefined where something is, or the agent can't be asked
   * so.
   */
  send?(list: ObjectList, tries: Tries): SentAtOnce | undefined;

  /** Returns the objects that follow this one, up to so many. Throws as `get`. */
  following(oid: string, atMost: number, tries: Tries): Promise<Varbind[]>;

  close(): void;
}

/**
 * Agent that is asked by net-snmp, through a session that is opened at the first question and renewed.
 *
 * - At most one session serves new questions, and at most one is being opened.
 * - A session is left after silence, trouble of the socket or an engine out of step, and when its name is
 *   `NAME_COUNTS_MS` old. It closes once nobody waits on it.
 * - At most `QUESTIONS_AT_ONCE` questions that are not urgent are under way.
 */
export class SnmpAgent implements Agent {
  private session: SnmpSession | undefined;
  private latest: SnmpSession | undefined;
  private opening: Promise<SnmpSession> | undefined;
  private openedAt = 0;
  private isClosed = false;
  private readonly turns = new Limiter(QUESTIONS_AT_ONCE);

  tellsUpTime: boolean | undefined;

  constructor(
    private readonly target: SnmpTarget,
    readonly size = new QuestionSize(),
  ) {}

  get nonsense(): string | undefined {
    return this.latest?.nonsense;
  }

  async get({ oids }: ObjectList, asking: Asking): Promise<Reading[]> {
    const varbinds = await this.answered(asking, (session, left) => session.ask([...oids], left));
    return varbinds.map(numberOf);
  }

  following(oid: string, atMost: number, tries: Tries): Promise<Varbind[]> {
    return this.answered(tries, (session, left) => session.askFollowing(oid, atMost, left));
  }

  /** Runs a question in its turn. The wait for the turn is part of `timeoutMs`. */
  private answered(
    { timeoutMs, retries, isUrgent, signal }: Asking,
    ask: (session: SnmpSession, tries: Tries) => Promise<Varbind[]>,
  ): Promise<Varbind[]> {
    const end = performance.now() + timeoutMs;
    const work = async (): Promise<Varbind[]> => {
      const left = { timeoutMs: end - performance.now(), retries };
      if (left.timeoutMs < 1) throw new TurnMissed();
      const session = await this.ready();
      try {
        return await ask(session, left);
      } catch (error) {
        // No answer, or trouble of the socket: perhaps another machine has the name by now, so start afresh next time.
        if (!isAnswer(error) || isOutOfStep(error)) this.leave(session);
        if (!isOutOfStep(error) || !session.hasAnswered) throw error;
        return ask(await this.ready(), left);
      }
    };
    if (isUrgent) return work();
    return this.turns.take(() => (signal === undefined ? work() : unlessAborted(signal, work())));
  }

  close(): void {
    this.isClosed = true;
    this.session?.shut();
  }

  private async ready(): Promise<SnmpSession> {
    const isStale = isIP(this.target.host) === 0 && performance.now() - this.openedAt > NAME_COUNTS_MS;
    if (this.session !== undefined && !isStale) return this.session;
    this.opening ??= this.open().finally(() => (this.opening = undefined));
    return this.opening;
  }

  private async open(): Promise<SnmpSession> {
    const { host } = this.target;
    const address = await addressOf(host);
    if (this.isClosed) throw new Error('the program is stopping');
    if (this.session) this.leave(this.session);
    this.session = this.latest = new SnmpSession(this.target, address);
    this.openedAt = performance.now();
    return this.session;
  }

  private leave(session: SnmpSession): void {
    if (this.session === session) this.session = undefined;
    session.leave();
  }
}

/**
 * Resolves a host to the address to ask.
 *
 * @throws AddressRefused; Error when the name has no address
 */
export async function addressOf(host: string): Promise<string> {
  try {
    return await guardedAddress(host, 'devices');
  } catch (error) {
    if (error instanceof AddressRefused) throw error;
    throw new Error("its name can't be resolved", { cause: error });
  }
}

/** Tells whether an error is an answer of the agent, although not to what was asked. */
export const isAnswer = (error: unknown): boolean =>
  error instanceof RequestFailedError ||
  error instanceof ResponseInvalidError ||
  error instanceof BrokenAnswer;

/**
 * Tells whether a version 3 agent came back as another engine, or with fewer boots than it had. net-snmp catches up
 * with a plain restart by itself, but keeps its old notion of the time here (RFC 3414, 3.2, 7b).
 */
function isOutOfStep(error: unknown): boolean {
  const codes = [
    ResponseInvalidCode.EAuthFailure,
    ResponseInvalidCode.EUnexpectedReport,
    ResponseInvalidCode.ENotInTimeWindow,
  ];
  return error instanceof ResponseInvalidError && codes.includes(error.code);
}
