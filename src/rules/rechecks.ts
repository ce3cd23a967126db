import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { Conflict, messageOf } from '../common/errors';
import { Database } from '../database/database';
import type { InfrastructureRow } from '../database/entities';
import type { Sql } from '../database/sql-pool';
import { Infrastructures } from '../infrastructures/infrastructures';
import { NodeCounter } from '../polling/node-counter';
import { Rechecks, type Recheck } from '../queue/rechecks';
import { readAsks } from './asks';
import { standingOf, type Ask, type Count, type Standing } from '../engine/asked';
import { plan } from '../engine/evaluate';
import { nodesChange } from '../engine/explain';
import type { Direction, Nodes } from '../engine/types';
import { Ledger } from './ledger';

const WAITS_FOR_A_PERSON = `('awaiting_approval', 'failed', 'unknown', 'cancelled', 'held')`;
/** Time after the decision from which a first try is late, seconds: a limit or the kill switch held it. */
const LATE_SECONDS = 5;

/** Change of nodes that an execution stands for. */
interface Asked {
  trigger: string;
  infrastructure: string;
  direction: Direction;
  delta: number;
  current: number;
  desired: number;
  /** True where other executions of its trigger have begun, and may have done it. */
  othersBegan: boolean;
}

/**
 * Checks executions that change a number of nodes again before they run late, as a trigger asks for nodes by an earlier
 * count. When a person approves or retries an execution that would now do something else, its text is rewritten and the
 * person is asked again. A retry, or a late first try, sets the number that is right by then.
 */
@Injectable()
export class NodeRechecks implements Recheck {
  constructor(
    private readonly database: Database,
    private readonly infrastructures: Infrastructures,
    private readonly counter: NodeCounter,
    private readonly ledger: Ledger,
    rechecks: Rechecks,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    rechecks.offer(this);
  }

  /**
   * Counts nodes again for an execution that a person approves or retries.
   *
   * @throws Conflict when it would do something else than it says, or nodes can't be counted
   */
  async recheck(execution: string): Promise<void> {
    const asked = await this.asked(execution, `e.status IN ${WAITS_FOR_A_PERSON}`);
    const infrastructure = asked && (await this.infrastructures.store.byId(asked.infrastructure));
    if (asked === undefined || infrastructure === undefined) return;
    const count = await this.count(infrastructure);
    const refusal = await this.database.transaction((sql) => this.settle(sql, asked, infrastructure, count));
    if (refusal !== undefined) throw new Conflict(refusal);
  }

  /**
   * Returns the variables of the number of nodes to set now, which is all that has been asked for so far: others may
   * have asked for more since, or nodes have come or gone. Without a count, it goes by what was asked for. Undefined
   * where nothing changes.
   */
  async renew(execution: string): Promise<object | undefined> {
    const now = this.clock.now();
    const isLate = `e.status = 'running' AND (e.tries > 1 OR t.at < $2::timestamptz - interval '${LATE_SECONDS} seconds')`;
    const asked = await this.asked(execution, isLate, now);
    const infrastructure = asked && (await this.infrastructures.store.byId(asked.infrastructure));
    if (asked === undefined || infrastructure === undefined) return undefined;
    const count = await this.count(infrastructure).catch(() => ({ nodes: asked.current, at: 0 }));
    const { asks } = await this.ledger.lookAt([infrastructure.id]);
    const { current, inFlight } = capacityOf(infrastructure, asks.get(infrastructure.id) ?? [], count, now);
    const { direction, delta } = asked;
    const effective = current + inFlight;
    const desired = direction === 'up' ? Math.max(current, effective) : Math.min(current, effective);
    if (desired === asked.desired) return undefined;
    const nodes: Nodes = { current, inFlight, effective, desired, delta };
    const note = `tried again at ${now.toISOString()}: ${nodesChange(nodes)}`;
    await this.rewrite(this.database, asked, nodes, note, `e.id = $4 AND e.status = 'running'`, execution);
    return { current, desired, delta, direction };
  }

  private async asked(execution: string, which: string, now?: Date): Promise<Asked | undefined> {
    const [row] = await this.database.rows<Asked>(
      `SELECT t.id AS trigger, t.infrastructure_id AS infrastructure, t.direction, t.delta,
         EXISTS (SELECT FROM executions o WHERE o.trigger_id = t.id AND o.id <> e.id
           AND o.status IN ('queued', 'running', 'waiting', 'succeeded', 'unknown')) AS "othersBegan",
         (e.variables->'nodes'->>'current')::int AS current, (e.variables->'nodes'->>'desired')::int AS desired
       FROM executions e JOIN triggers t ON t.id = e.trigger_id
       WHERE e.id = $1 AND t.infrastructure_id IS NOT NULL AND t.delta <> 0 AND e.variables->'nodes' IS NOT NULL
         AND ${which}`,
      [execution, ...(now === undefined ? [] : [now])],
    );
    return row;
  }

  private async count(infrastructure: InfrastructureRow): Promise<Count> {
    try {
      const { nodes, at } = await this.counter.count(infrastructure);
      return { nodes, at: at.getTime() };
    } catch (error) {
      throw new Conflict(`nobody can tell what it would do now: ${messageOf(error)}`);
    }
  }

  /** Records the change as asked for, or returns why it is refused. */
  private async settle(
    sql: Sql,
    asked: Asked,
    infrastructure: InfrastructureRow,
    count: Count,
  ): Promise<string | undefined> {
    if (asked.othersBegan && (count.nodes === asked.current || count.nodes === asked.desired))
      return undefined;
    await this.ledger.lockInfrastructures(sql, [infrastructure]);
    const asks = (await readAsks(sql, [infrastructure.id])).get(infrastructure.id) ?? [];
    const others = asks.filter(
      ({ trigger, state }) => trigger !== asked.trigger && state.is !== 'unapproved',
    );
    const now = this.clock.now();
    const nodes = nodesNow(asked, infrastructure, others, count, now);
    const web = infrastructure.name;
    const { current, desired } = asked;
    const was = `it was decided to go from ${current} to ${desired} nodes, and ${web} has ${nodes.current} now`;
    if (nodes.delta === 0) return `${was}: nothing is left to be done within its limits, so reject it`;
    const isSame = nodes.current === current && nodes.desired === desired;
    await this.remember(sql, asked.trigger, nodes, isSame ? now : undefined);
    if (isSame) return undefined;
    const change = nodesChange(nodes);
    await this.rewrite(sql, asked, nodes, `looked at again at ${now.toISOString()}: ${change}`);
    return `${was}: it would go ${change}; do it again if that is right`;
  }

  /** @param askedAt left out while it waits for the person */
  private async remember(
    sql: Sql,
    trigger: string,
    { delta, desired }: Nodes,
    askedAt?: Date,
  ): Promise<void> {
    await sql.rows(
      `UPDATE triggers SET delta = $2, desired = $3, asked_at = coalesce($4, asked_at),
         still_to_come = CASE WHEN $4::timestamptz IS NULL AND asked_at IS NOT NULL THEN still_to_come ELSE $2 END
       WHERE id = $1`,
      [trigger, delta, desired, askedAt ?? null],
    );
  }

  /** Rewrites variables and justification of a trigger's executions, by default of all that wait for a person. */
  private async rewrite(
    sql: Sql,
    { trigger, direction }: Asked,
    nodes: Nodes,
    note: string,
    which = `e.status IN ${WAITS_FOR_A_PERSON}`,
    ...values: string[]
  ): Promise<void> {
    const { current, desired, delta } = nodes;
    await sql.rows(
      `UPDATE executions e
       SET variables = jsonb_set(e.variables, '{nodes}', $2), justification = t.justification || '; ' || $3
       FROM triggers t
       WHERE t.id = $1 AND e.trigger_id = t.id AND ${which}`,
      [trigger, JSON.stringify({ current, desired, delta, direction }), note, ...values],
    );
  }
}

/** Returns what the same change comes to with the current nodes. */
function nodesNow(
  { direction, delta }: Asked,
  infrastructure: InfrastructureRow,
  others: readonly Ask[],
  count: Count,
  now: Date,
): Nodes {
  const { minNodes, maxNodes } = infrastructure;
  const capacity = capacityOf(infrastructure, others, count, now);
  const limits = { direction, minNodes, maxNodes };
  return plan({ ...limits, wish: ({ effective }) => effective + delta }, capacity, {})!;
}

const capacityOf = (
  { warmupSeconds }: InfrastructureRow,
  asks: readonly Ask[],
  count: Count,
  now: Date,
): Standing['capacity'] => standingOf(asks, count, warmupSeconds * 1000, now.getTime()).capacity;
