import type { EntityManager } from 'typeorm';
import { slotOf } from '../common/ids';
import { readied } from '../common/ready';
import type { Secrets } from '../common/secrets';
import type { ServiceRow } from '../database/entities';
import type { MetricRegistry } from '../metrics/metric-registry';

/** Largest number of services of one interval that are given the same slot, about as many as one job reads. */
const SERVICES_A_SLOT = 256;
/** Number of slots that one target may fill; more of its services keep the slot of their id. */
const SLOTS_A_TARGET = 64;

/** Slot of a row that has none yet. */
export const NOT_PLACED = -1;

interface Placing {
  row: ServiceRow;
  target: string;
}

/**
 * Gives services that ask one target a slot in common, where the protocol can ask several things at once: one job reads
 * them, and their questions go out together. The services of a target with very many are spread over some slots, so
 * that it is not asked everything in one second.
 */
export class PollSlots {
  constructor(
    private readonly metrics: MetricRegistry,
    private readonly secrets: Secrets,
  ) {}

  /** Sets the slots of rows that are about to be written, in their transaction. */
  async assign(manager: EntityManager, rows: readonly ServiceRow[]): Promise<void> {
    let left = rows.flatMap((row): Placing[] => {
      const target = this.targetOf(row);
      return target === undefined ? [] : [{ row, target }];
    });
    for (let part = 0; left.length > 0 && part < SLOTS_A_TARGET; part++) {
      const slots = left.map(({ target }) => slotOf(`${target}#${part}`));
      const taken = await placesTaken(manager, left, slots);
      left = left.filter(({ row }, index) => {
        const slot = slots[index]!;
        if (row.slot === slot) return false;
        const place = placeOf(row.intervalSeconds, slot);
        const count = taken.get(place) ?? 0;
        if (count >= SERVICES_A_SLOT) return true;
        taken.set(place, count + 1);
        row.slot = slot;
        return false;
      });
    }
    for (const row of rows) if (row.slot === NOT_PLACED) row.slot = slotOf(row.id);
  }

  /** Returns the key of the target of the first metric that can be read together with others; undefined without one. */
  private targetOf({ metrics }: ServiceRow): string | undefined {
    for (const metric of Object.values(metrics)) {
      const strategy = this.metrics.find(metric.type)?.strategy;
      if (strategy?.readMany === undefined || strategy.target === undefined) continue;
      try {
        return `${metric.type}|${strategy.target(readied(this.metrics, metric, this.secrets).open().params)}`;
      } catch {
        // A secret of it is missing now: its polls will say so.
        return undefined;
      }
    }
    return undefined;
  }
}

const placeOf = (intervalSeconds: number, slot: number): string => `${intervalSeconds}:${slot}`;

/** Returns how many services there are by interval and slot. */
async function placesTaken(
  manager: EntityManager,
  placings: readonly Placing[],
  slots: readonly number[],
): Promise<Map<string, number>> {
  const counts: { interval: number; slot: number; count: number }[] = await manager.query(
    `SELECT p.interval, p.slot, count(*)::int AS count
     FROM (SELECT DISTINCT * FROM unnest($1::int[], $2::int[]) AS p (interval, slot)) p
       JOIN services s ON s.interval_seconds = p.interval AND s.slot = p.slot AND s.enabled AND s.polled
     GROUP BY 1, 2`,
    [placings.map(({ row }) => row.intervalSeconds), slots],
  );
  return new Map(counts.map(({ interval, slot, count }) => [placeOf(interval, slot), count]));
}
