import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import {
  ErrorStatus,
  ObjectType,
  RequestFailedError,
  ResponseInvalidCode,
  ResponseInvalidError,
} from 'net-snmp';
import { KeptConnections } from '../kept-connections';
import type { Reading } from '../metric';
import { reasonOfAbort, unlessAborted } from '../unless-aborted';
import { isAfter, isBelow } from './oid-order';
import { CommunityAgent } from './community-agent';
import { CommunitySockets } from './community-sockets';
import { SnmpAgent, type Agent } from './snmp-agent';
import { reasonOf } from './snmp-reason';
import { rowOf, type SnmpRow } from './snmp-row';
import { BrokenAnswer, type Tries } from './snmp-session';
import { keyOfTarget, type SnmpTarget } from './snmp-target';

/** Those of version 3 have a socket each. */
const AGENTS_AT_MOST = { '3': 4_096, community: 100_000 };
const IDLE_MS = 10 * 60_000;
/** Keeps question and answer below the 1472 bytes that Ethernet carries unfragmented. */
const OIDS_PER_PDU = 40;

/** As many are asked for at once; agents answer fewer where they don't fit. */
const ROWS_PER_PDU = 25;

export interface GetOptions extends Tries {
  signal: AbortSignal;
}

export interface WalkOptions extends GetOptions {
  rowsAtMost: number;
}

export interface Walk {
  rows: SnmpRow[];
  /** There are no more. */
  isComplete: boolean;
  /** Why there may be more. */
  error?: string;
}

/** Asks SNMP agents for numbers. Sessions are kept: a version 3 agent wants to be discovered once only. */
@Injectable()
export class SnmpClient implements OnModuleDestroy {
  private readonly sockets = new CommunitySockets();
  private readonly communityAgents = keptAgents(AGENTS_AT_MOST.community);
  private readonly v3Agents = keptAgents(AGENTS_AT_MOST['3']);

  onModuleDestroy(): void {
    this.communityAgents.closeAll();
    this.v3Agents.closeAll();
    this.sockets.close();
  }

  /**
   * One outcome per OID (dotted, without a leading dot), within `timeoutMs` and never after the signal's abort.
   * An object that can't be read never costs the others. Never throws.
   */
  async get(target: SnmpTarget, oids: string[], options: GetOptions): Promise<Map<string, Reading>> {
    const outcomes = new Map<string, Reading>();
    const asked = oids.length === 1 ? oids : [...new Set(oids)];
    let agent: Agent | undefined;
    const work = this.withAgent(target, (found) => {
      agent = found;
      return new Questions(found, target, options, outcomes).ask(asked);
    });
    const why = await endOf(work, options);
    // What was answered by then counts.
    for (const oid of asked)
      if (!outcomes.has(oid))
        outcomes.set(oid, failure(oid, target, why ?? 'it was not asked', agent?.nonsense));
    return outcomes;
  }

  /**
   * The objects below one (dotted, without a leading dot), in the agent's order, until there are no more of them, there
   * are `rowsAtMost`, or the time is over. Never throws.
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
      return { rows, isComplete: false, error: `cannot walk ${root} of ${target.host}: ${why}` };
    } finally {
      ending.cancel();
    }
  }

  private withAgent<R>(target: SnmpTarget, work: (agent: Agent) => Promise<R>): Promise<R> {
    const key = keyOfTarget(target);
    return target.version === '3'
      ? this.v3Agents.use(key, () => new SnmpAgent(target), work)
      : this.communityAgents.use(key, () => new CommunityAgent(target, this.sockets), work);
  }
}

/** Objects of one agent that are asked for, in as many questions as it takes. */
class Questions {
  constructor(
    private readonly agent: Agent,
    private readonly target: SnmpTarget,
    private readonly options: GetOptions,
    private readonly outcomes: Map<string, Reading>,
  ) {}

  async ask(oids: string[]): Promise<void> {
    if (oids.length <= OIDS_PER_PDU) await this.askTogether(oids);
    else await Promise.all(inPdus(oids).map((some) => this.askTogether(some)));
  }

  private async askTogether(oids: string[]): Promise<void> {
    const { agent, options } = this;
    try {
      const answer = await agent.get(oids, options);
      answer.forEach((outcome, index) => {
        if ('error' in outcome) this.fail(oids[index]!, outcome.error);
        else this.outcomes.set(oids[index]!, outcome);
      });
    } catch (error) {
      const { culprit, rest } = isAboutObjects(error) ? apart(oids, error) : { culprit: oids, rest: [] };
      const why = reasonOf(error, options.timeoutMs);
      const nonsense = error instanceof BrokenAnswer ? undefined : agent.nonsense;
      for (const oid of culprit) this.fail(oid, why, nonsense);
      if (!options.signal.aborted) await Promise.all(rest.map((some) => this.askTogether(some)));
    }
  }

  private fail(oid: string, why: string, nonsense?: string): void {
    this.outcomes.set(oid, failure(oid, this.target, why, nonsense));
  }
}

/** @param nonsense what the agent sent last, when that was no SNMP */
function failure(oid: string, { host }: SnmpTarget, why: string, nonsense?: string): Reading {
  const beside = nonsense === undefined ? '' : `; what came was no SNMP (${nonsense})`;
  return { error: `cannot read ${oid} from ${host}: ${why}${beside}` };
}

const keptAgents = (atMost: number): KeptConnections<Agent> =>
  new KeptConnections({ atMost, idleMs: IDLE_MS, close: (agent) => agent.close() });

/** Has the agent said that nothing follows? In version 1 by an error, RFC 1157, 4.1.3. */
function isEnd(error: unknown): boolean {
  return error instanceof RequestFailedError && error.status === ErrorStatus.NoSuchName;
}

/** Another choice of objects might be answered. */
function isAboutObjects(error: unknown): boolean {
  if (error instanceof ResponseInvalidError) return error.code === ResponseInvalidCode.EReqResOidNoMatch;
  return error instanceof RequestFailedError || error instanceof BrokenAnswer;
}

/**
 * What to give up and what to ask again: the one the agent names is given up and the rest goes in two halves, so
 * k bad objects cost at most 2k questions more. When it names none, as for tooBig, halving finds it.
 */
function apart(oids: string[], error: unknown): { culprit: string[]; rest: string[][] } {
  if (oids.length === 1) return { culprit: oids, rest: [] };
  const named = error instanceof RequestFailedError ? /: ([\d.]+)$/.exec(error.message)?.[1] : undefined;
  const culprit = oids.filter((oid) => oid === named);
  const others = oids.filter((oid) => oid !== named);
  const middle = Math.ceil(others.length / 2);
  return { culprit, rest: [others.slice(0, middle), others.slice(middle)].filter((half) => half.length > 0) };
}

function inPdus(oids: string[]): string[][] {
  const pdus: string[][] = [];
  for (let at = 0; at < oids.length; at += OIDS_PER_PDU) pdus.push(oids.slice(at, at + OIDS_PER_PDU));
  return pdus;
}

/**
 * Waits for the work, and no longer than until the caller's abort or the timeout, whichever is first. Answers why it did
 * not come to its end. What is left of it ends by its own timeouts.
 */
function endOf(work: Promise<void>, { signal, timeoutMs }: GetOptions): Promise<string | undefined> {
  return new Promise((resolve) => {
    const end = (why?: string): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      resolve(why);
    };
    const stop = (): void => end(reasonOfAbort(signal, timeoutMs));
    const timer = setTimeout(() => end(`no answer in ${timeoutMs / 1000} s`), timeoutMs);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    work.then(
      () => end(),
      (error: unknown) => end(reasonOf(error, timeoutMs)),
    );
  });
}

/** A signal that aborts at the caller's abort and at the timeout, whichever is first. */
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
