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
    const failed = (oid: string, reason: string): void => {
      outcomes.set(oid, { error: `cannot read ${oid} from ${target.host}: ${reason}` });
    };
    const asked = [...new Set(oids)];
    const ending = endingOf(options);
    try {
      await this.withAgent(target, async (agent) => {
        const ask = async (some: string[]): Promise<void> => {
          try {
            const answer = await unlessAborted(ending.signal, agent.get(some, options));
            answer.forEach((outcome, index) => {
              if ('error' in outcome) failed(some[index]!, outcome.error);
              else outcomes.set(some[index]!, outcome);
            });
          } catch (error) {
            const { culprit, rest } = isAboutObjects(error)
              ? apart(some, error)
              : { culprit: some, rest: [] };
            const why = ending.signal.aborted
              ? reasonOfAbort(ending.signal, options.timeoutMs)
              : reasonOf(error, options.timeoutMs);
            const nonsense = error instanceof BrokenAnswer ? undefined : agent.nonsense;
            for (const oid of culprit) {
              failed(oid, nonsense === undefined ? why : `${why}; what came was no SNMP (${nonsense})`);
            }
            await Promise.all(rest.map(ask));
          }
        };
        await Promise.all(inPdus(asked).map(ask));
      });
    } catch (error) {
      for (const oid of asked) failed(oid, reasonOf(error, options.timeoutMs));
    } finally {
      ending.cancel();
    }
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
