import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import {
  ErrorStatus,
  ObjectType,
  RequestFailedError,
  RequestTimedOutError,
  ResponseInvalidCode,
  ResponseInvalidError,
} from 'net-snmp';
import { CLOCK, programClock, type Clock } from '../common/clock';
import { KeptConnections, type Held } from '../common/kept-connections';
import type { Reading } from '../common/reading';
import { reasonOfAbort, unlessAborted } from '../common/unless-aborted';
import { keepNewest } from '../common/newest';
import { Ending, type SnmpAsker } from './ending';
import { isAfter, isBelow } from './oid-order';
import { CommunityAgent } from './community-agent';
import { CommunitySockets } from './community-sockets';
import { ObjectList, SYS_UP_TIME } from './object-list';
import {
  isAnswer,
  SnmpAgent,
  TurnMissed,
  type Agent,
  type Answer,
  type Sent,
  type SentAtOnce,
} from './snmp-agent';
import { reasonOf, withHint } from './snmp-reason';
import { QuestionSize } from './question-size';
import { rowOf, type SnmpRow } from './snmp-row';
import { BrokenAnswer } from './broken-answer';
import { firstTryMs, type Tries } from './snmp-session';
import { keyOfTarget, type SnmpTarget } from './snmp-target';

/** Most agents that are kept. Those of version 3 have a socket each. */
const AGENTS_AT_MOST = { '3': 4_096, community: 100_000 };
const IDLE_MS = 10 * 60_000;
/** Most agents of which it is kept how they are to be asked. */
const LIMITED_AT_MOST = 10_000;
/** Shortest wait for a late answer to a large question, once the agent has answered a small one. */
const GRACE_MS = 50;

/** Most rows that one question of a walk asks for; agents answer fewer where they don't fit. */
const ROWS_PER_PDU = 25;

export interface GetOptions extends Tries, SnmpAsker {}

export interface WalkOptions extends GetOptions {
  rowsAtMost: number;
}

export interface Walk {
  rows: SnmpRow[];
  /** Whether all objects were read. */
  isComplete: boolean;
  /** Why objects may be missing. */
  error?: string;
}

/**
 * Asks SNMP agents for numbers. Agents are kept with their sessions, by target and credentials, until they are idle for
 * `IDLE_MS`, so that a version 3 agent is discovered once only. Methods may run side by side.
 */
@Injectable()
export class SnmpClient implements OnModuleDestroy {
  private readonly sockets = new CommunitySockets();
  private readonly communityAgents = keptAgents(AGENTS_AT_MOST.community);
  private readonly v3Agents = keptAgents(AGENTS_AT_MOST['3']);
  /**
   * What was learned of agents that answer few objects at once, or nothing about some, kept apart: agents may be asked
   * too seldom to be kept themselves.
   */
  private readonly limited = new Map<string, QuestionSize>();

  constructor(@Inject(CLOCK) private readonly clock: Clock = programClock) {}

  onModuleDestroy(): void {
    this.communityAgents.closeAll();
    this.v3Agents.closeAll();
    this.sockets.close();
  }

  /**
   * Reads objects: one outcome per OID (dotted, without a leading dot), within `timeoutMs` and never after the signal's
   * abort. An object that can't be read never costs the others. Never throws.
   */
  async get(target: SnmpTarget, oids: string[], options: GetOptions): Promise<Map<string, Reading>> {
    const outcomes = new Map<string, Reading>();
    const asked = [...new Set(oids)].filter(isNumeric);
    for (const name of oids)
      if (!isNumeric(name))
        outcomes.set(name, failure(name, target, 'no MIB that is here knows the name any more'));
    const readings = await this.read(target, new ObjectList(asked), options, options);
    asked.forEach((oid, index) => outcomes.set(oid, readings[index]!));
    return outcomes;
  }

  /** Reads objects as `get` does, by numeric OIDs alone: their outcomes in order. */
  async read(
    target: SnmpTarget,
    list: ObjectList,
    tries: Tries,
    asker: SnmpAsker,
  ): Promise<readonly Reading[]> {
    if (list.length === 0) return [];
    const { timeoutMs } = tries;
    let held: Held<Agent>;
    try {
      held = this.hold(target);
    } catch (error) {
      return list.oids.map((oid) => failure(oid, target, reasonOf(error, timeoutMs)));
    }
    const agent = held.connection;
    const end = performance.now() + timeoutMs;
    const ending = new Ending(asker, timeoutMs);
    const questions = new Questions(agent, target, { tries, end, ending }, () => this.clock.now().getTime());
    // Nearly always one question is all, and its answer comes at once.
    const atOnce = ending.isOver ? undefined : questions.askAtOnce(list);
    const soon = atOnce && (await ending.orSooner(atOnce.sent));
    if (soon !== undefined && atOnce?.list === list && isPlain(soon)) {
      agent.size.noteAnswer(list.length);
      agent.size.silent.noteAnswer(list.oids);
      ending.close();
      this.letGo(target, held);
      return soon.readings;
    }
    const work = atOnce === undefined ? questions.ask(list) : questions.goOn(atOnce, soon);
    void work.finally(() => this.letGo(target, held)).catch(() => undefined);
    const why = await ending.orEnd(work, end - performance.now());
    // What was answered by then counts.
    return list.oids.map(
      (oid) => questions.outcomes.get(oid) ?? failure(oid, target, why ?? 'it was not asked', agent.nonsense),
    );
  }

  /**
   * Reads the objects below one (dotted, without a leading dot), in the agent's order, until there are no more of them,
   * there are `rowsAtMost`, or the time is over. Never throws.
   */
  async walk(target: SnmpTarget, root: string, options: WalkOptions): Promise<Walk> {
    const rows: SnmpRow[] = [];
    const ending = endingOf(options);
    const end = performance.now() + options.timeoutMs;
    try {
      return await this.withAgent(target, async (agent) => {
        for (let last = root; ;) {
          const atMost = Math.min(ROWS_PER_PDU, options.rowsAtMost - rows.length);
          if (atMost === 0) return { rows, isComplete: false };
          const tries = { timeoutMs: end - performance.now(), retries: options.retries };
          const found = await unlessAborted(ending.signal, agent.following(last, atMost, tries));
          for (const varbind of found.slice(0, atMost)) {
            if (varbind.type === ObjectType.EndOfMibView || !isBelow(root, varbind.oid))
              return { rows, isComplete: true };
            if (!isAfter(last, varbind.oid)) throw new BrokenAnswer('its objects are in no order');
            rows.push(rowOf(varbind));
            last = varbind.oid;
          }
          if (found.length === 0) throw new BrokenAnswer('it holds no objects');
        }
      });
    } catch (error) {
      if (isEnd(error)) return { rows, isComplete: true };
      const why = ending.signal.aborted
        ? reasonOfAbort(ending.signal, options.timeoutMs)
        : reasonOf(error, options.timeoutMs);
      return {
        rows,
        isComplete: false,
        error: `cannot walk ${root} of ${target.host}: ${withHint(why, target)}`,
      };
    } finally {
      ending.cancel();
    }
  }

  private async withAgent<R>(target: SnmpTarget, work: (agent: Agent) => Promise<R>): Promise<R> {
    const held = this.hold(target);
    try {
      return await work(held.connection);
    } finally {
      this.agentsOf(target).letGo(held);
    }
  }

  private hold(target: SnmpTarget): Held<Agent> {
    const key = keyOfTarget(target);
    return this.agentsOf(target).hold(key, () => {
      const size = this.limited.get(key);
      return target.version === '3'
        ? new SnmpAgent(target, size)
        : new CommunityAgent(target, this.sockets, size);
    });
  }

  /** Keeps what was learned of an agent, as the agent itself is forgotten when nobody asks it for some minutes. */
  private letGo(target: SnmpTarget, held: Held<Agent>): void {
    this.agentsOf(target).letGo(held);
    const { size } = held.connection;
    if (!size.isLearned) return;
    keepNewest(this.limited, keyOfTarget(target), size, LIMITED_AT_MOST);
  }

  private agentsOf({ version }: SnmpTarget): KeptConnections<Agent> {
    return version === '3' ? this.v3Agents : this.communityAgents;
  }
}

/** Time in which questions are asked: all tries together, until the end, or until whoever asked has left. */
interface Asked {
  tries: Tries;
  /** Moment of the end, by `performance.now()`. */
  end: number;
  ending: Ending;
}

/** Question that went out before anything else was done. */
interface AtOnce {
  list: ObjectList;
  sent: SentAtOnce;
}

/**
 * Questions to one agent for a set of objects, as many as it takes. Each object gets one outcome; what is known by the
 * end of the time counts.
 */
class Questions {
  readonly outcomes = new Map<string, Reading>();
  private hasCounters = false;
  private wasSilent = false;
  /** Whether the agent has said anything. */
  private wasHeard = false;
  /** Objects that were asked for alone, and met silence. */
  private readonly unanswered: string[] = [];

  constructor(
    private readonly agent: Agent,
    private readonly target: SnmpTarget,
    private readonly asked: Asked,
    private readonly now: () => number,
  ) {}

  /**
   * Sends all in one question, where the agent takes so many and nothing is to be waited for; undefined where something
   * is, or where the first try is all of the time.
   */
  askAtOnce(objects: ObjectList): AtOnce | undefined {
    const { agent } = this;
    const { tries } = this.asked;
    if (agent.send === undefined) return undefined;
    const list = agent.tellsUpTime ? objects.withUpTime : objects;
    const { size } = agent;
    if (list.length > size.atMost(performance.now())) return undefined;
    if (!size.silent.isEmpty && list.oids.some((oid) => size.silent.has(oid))) return undefined;
    if (list.length > 1 && tries.retries === 0) return undefined;
    const sent = agent.send(list, tries);
    return sent && { list, sent };
  }

  /** Goes on with a question after its first try. @param soon what came of it by then */
  async goOn({ list, sent }: AtOnce, soon: Answer | undefined): Promise<void> {
    if (list.length === 1) await this.settle(list, soon ?? (await sent.answer));
    else await this.follow(list, sent, soon);
    if (this.hasCounters) await this.tellSince();
    this.noteSilences();
  }

  /**
   * Asks for objects. Those about which the agent is known to be silent come after all others, each alone, and suspects
   * among the last of these: so they cost the others neither an answer nor a turn.
   */
  async ask(objects: ObjectList): Promise<void> {
    const { agent } = this;
    const { silent } = agent.size;
    const list = agent.tellsUpTime ? objects.withUpTime : objects;
    const ordered = silent.suspectsLast(list.oids);
    const apart = silent.isEmpty ? [] : ordered.filter((oid) => silent.has(oid));
    const others = silent.isEmpty ? list : new ObjectList(ordered.filter((oid) => !silent.has(oid)));
    if (others.length > 0) await this.askMost(others);
    const since = this.hasCounters ? this.tellSince() : undefined;
    await Promise.all([since, this.askEach(apart)]);
    this.noteSilences();
  }

  private async askMost(list: ObjectList): Promise<void> {
    const { agent } = this;
    const atMost = agent.size.atMost(performance.now());
    const [first, ...rest] = list.inParts(atMost);
    if (agent.size.isLimited && rest.length > 0 && !agent.size.hasAnswered(atMost)) {
      // One question tells whether it answers so many; the others go as it says.
      await this.askTogether(first!);
      const others = new ObjectList(rest.flatMap(({ oids }) => oids));
      await this.askAll(others.inParts(agent.size.proven));
    } else await this.askAll([first!, ...rest]);
  }

  private noteSilences(): void {
    const { silent } = this.agent.size;
    for (const oid of this.unanswered) silent.noteSilence(oid, this.wasHeard);
  }

  private async askAll(questions: readonly ObjectList[]): Promise<void> {
    if (questions.length === 1) await this.askTogether(questions[0]!);
    else await Promise.all(questions.map((some) => this.askTogether(some)));
  }

  private async askEach(oids: readonly string[]): Promise<void> {
    await Promise.all(oids.map((oid) => this.askTogether(new ObjectList([oid]))));
  }

  /**
   * Adds to the counters of 32 bits since when they count. An agent that has some is asked for its sysUpTime with them
   * from then on.
   */
  private async tellSince(): Promise<void> {
    const { agent, outcomes } = this;
    if (agent.tellsUpTime === undefined && !outcomes.has(SYS_UP_TIME)) await this.askTogether(UP_TIME);
    const upTime = outcomes.get(SYS_UP_TIME);
    if (upTime === undefined || 'error' in upTime || upTime.counter32 !== undefined) {
      // What is only silent now may tell it next time.
      if (upTime !== undefined && !this.wasSilent) agent.tellsUpTime = false;
      return;
    }
    agent.tellsUpTime = true;
    const counter32 = { since: Math.round(this.now() - upTime.value * 1000) };
    for (const [oid, reading] of outcomes)
      if ('value' in reading && reading.counter32 !== undefined)
        outcomes.set(oid, { value: reading.value, counter32 });
  }

  private async askTogether(list: ObjectList): Promise<void> {
    if (this.asked.ending.isOver) return;
    if (list.length > 1) return this.tryTogether(list);
    const left = this.left();
    const answer = await answerOf(this.agent.get(list, left));
    // With little time left, silence says nothing of the object.
    if (isUnanswered(answer) && left.timeoutMs > this.asked.tries.timeoutMs / 4)
      this.unanswered.push(list.oids[0]!);
    await this.settle(list, answer);
  }

  /** Asks for several objects at once. */
  private async tryTogether(list: ObjectList): Promise<void> {
    const { timeoutMs, retries } = this.left();
    const giveUp = new AbortController();
    const answer = answerOf(this.agent.get(list, { timeoutMs, retries, signal: giveUp.signal }));
    const soon = await within(firstTryMs(timeoutMs, Math.max(1, retries)), answer);
    await this.follow(list, { answer, giveUp: () => giveUp.abort(new Error('it is asked for less')) }, soon);
  }

  /**
   * Follows a question for several objects. When the agent stays silent, one of them is asked for alone, beside the
   * next try: if that is answered and all of them still are not, they are too many, or one of them is what the agent is
   * silent about, and they are asked for one by one. An agent that is not there is asked one question more than for one
   * object, and never many; so one that is silent about just that object costs the others this time, and another is
   * asked for the next time.
   */
  private async follow(list: ObjectList, sent: Sent, soon: Answer | undefined): Promise<void> {
    if (soon !== undefined) return this.settle(list, soon);
    if (this.asked.ending.isOver) return;
    const { agent } = this;
    const [one, ...others] = agent.size.silent.suspectsLast(list.oids) as [string, ...string[]];
    const began = performance.now();
    const alone = answerOf(agent.get(new ObjectList([one]), { isUrgent: true, ...this.left(), retries: 0 }));
    let single: Answer | undefined;
    void alone.then((answer) => (single = answer));
    await Promise.race([sent.answer, alone]);
    const isAlive = single !== undefined && !isSilence(single);
    const late = isAlive
      ? await within(Math.max(GRACE_MS, performance.now() - began), sent.answer)
      : await sent.answer;
    if (late !== undefined) {
      if (isSilence(late) && !isAlive) this.unanswered.push(one);
      return this.settle(list, late);
    }
    sent.giveUp();
    await this.settle(new ObjectList([one]), single!);
    await this.askEach(others);
    const isExplained = others.some((oid) => this.unanswered.includes(oid));
    if (isExplained) agent.size.noteExplained(list.length, performance.now());
    else agent.size.noteTooMany(list.length, performance.now());
  }

  private async settle({ oids }: ObjectList, answer: Answer): Promise<void> {
    const { agent } = this;
    if ('readings' in answer) {
      this.wasHeard = true;
      agent.size.noteAnswer(oids.length);
      agent.size.silent.noteAnswer(oids);
      answer.readings.forEach((reading, index) => {
        if ('error' in reading) return this.fail(oids[index]!, reading.error);
        if (reading.counter32 !== undefined) this.hasCounters = true;
        this.outcomes.set(oids[index]!, reading);
      });
      return;
    }
    const { failure } = answer;
    if (isSilence(answer)) {
      this.wasSilent = true;
      agent.size.noteSilence();
    } else if (isAnswer(failure)) this.wasHeard = true;
    if (isTooMuch(failure) && oids.length > 1) agent.size.noteTooMany(oids.length, performance.now());
    const { culprit, rest } = isAboutObjects(failure) ? apart(oids, failure) : { culprit: oids, rest: [] };
    const why = reasonOf(failure, this.asked.tries.timeoutMs);
    const nonsense = failure instanceof BrokenAnswer ? undefined : agent.nonsense;
    for (const oid of culprit) this.fail(oid, why, nonsense);
    await Promise.all(rest.map((some) => this.askTogether(new ObjectList(some))));
  }

  /** Returns the time that is left. */
  private left(): Tries {
    const { end, tries } = this.asked;
    return { timeoutMs: Math.max(1, end - performance.now()), retries: tries.retries };
  }

  private fail(oid: string, why: string, nonsense?: string): void {
    this.outcomes.set(oid, failure(oid, this.target, why, nonsense));
  }
}

const UP_TIME = new ObjectList([SYS_UP_TIME]);

/** Tells whether an answer has numbers alone, and none of a counter. */
function isPlain(answer: Answer): answer is { readings: readonly Reading[] } {
  return (
    'readings' in answer &&
    answer.readings.every((reading) => 'value' in reading && reading.counter32 === undefined)
  );
}

const answerOf = (asked: Promise<readonly Reading[]>): Promise<Answer> =>
  asked.then(
    (readings) => ({ readings }),
    (failure: unknown) => ({ failure }),
  );

const isSilence = (answer: Answer): boolean =>
  'failure' in answer && answer.failure instanceof RequestTimedOutError;

/** Tells whether the agent gave no answer to what it was surely asked. */
const isUnanswered = (answer: Answer): boolean =>
  isSilence(answer) && !('failure' in answer && answer.failure instanceof TurnMissed);

/** Waits for an answer; undefined when there is none in time. */
async function within(ms: number, answer: Promise<Answer>): Promise<Answer | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, ms, undefined)));
  const first = await Promise.race([answer, late]);
  clearTimeout(timer);
  return first;
}

/**
 * Makes the outcome of an object that could not be read.
 *
 * @param nonsense why the last message from the agent was no SNMP
 */
function failure(oid: string, target: SnmpTarget, why: string, nonsense?: string): Reading {
  const whole =
    nonsense === undefined ? withHint(why, target) : `${why}; what came was no SNMP (${nonsense})`;
  return { error: `cannot read ${oid} from ${target.host}: ${whole}` };
}

const NINE = 57;
const isNumeric = (oid: string): boolean => oid.charCodeAt(0) <= NINE;

const keptAgents = (atMost: number): KeptConnections<Agent> =>
  new KeptConnections({ atMost, idleMs: IDLE_MS, close: (agent) => agent.close() });

/** Tells whether the agent has said that nothing follows: in version 1 by an error, RFC 1157, 4.1.3. */
function isEnd(error: unknown): boolean {
  return error instanceof RequestFailedError && error.status === ErrorStatus.NoSuchName;
}

/** Tells whether another choice of objects might be answered. */
function isAboutObjects(error: unknown): boolean {
  if (error instanceof ResponseInvalidError) return error.code === ResponseInvalidCode.EReqResOidNoMatch;
  return error instanceof RequestFailedError || error instanceof BrokenAnswer;
}

/**
 * Splits objects into what to give up and what to ask again: the one the agent names is given up and the rest goes in
 * two halves, so k bad objects cost at most 2k questions more. When it names none, as for tooBig, halving finds it.
 */
function apart(oids: readonly string[], error: unknown): { culprit: readonly string[]; rest: string[][] } {
  if (oids.length === 1) return { culprit: oids, rest: [] };
  const named = error instanceof RequestFailedError ? /: ([\d.]+)$/.exec(error.message)?.[1] : undefined;
  const culprit = oids.filter((oid) => oid === named);
  const others = oids.filter((oid) => oid !== named);
  const middle = Math.ceil(others.length / 2);
  return { culprit, rest: [others.slice(0, middle), others.slice(middle)].filter((half) => half.length > 0) };
}

/** Tells whether the agent may answer fewer objects at once, also next time. */
const isTooMuch = (error: unknown): boolean =>
  error instanceof BrokenAnswer ||
  (error instanceof RequestFailedError && error.status === ErrorStatus.TooBig);

/** Makes a signal that aborts at the caller's abort or at the timeout, whichever is first. */
function endingOf({ signal, timeoutMs }: GetOptions) {
  const controller = new AbortController();
  const stop = (): void => controller.abort(signal.reason);
  const timer = setTimeout(() => controller.abort(new DOMException('timeout', 'TimeoutError')), timeoutMs);
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  return {
    signal: controller.signal,
    cancel: (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    },
  };
}
