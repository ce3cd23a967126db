import { Injectable } from '@nestjs/common';
import { Database } from '../database/database';
import { PHASES } from '../engine/types';
import { PAIRS_OF_CHILDREN, PAIRS_OF_PARENT } from '../services/dependencies';
import { Services } from '../services/services';
import { flag, labels, list, object, oneOf, shape, text, whole } from '../common/shapes';

interface Pair {
  child: string;
  childName: string;
  place: number;
  parent: string;
  parentName: string;
  parentLabels: Record<string, string>;
  phase: string;
  stops: boolean;
}

export const DEPENDENCIES = shape(
  'Dependencies',
  object({
    parents: list(object({ entry: whole, service: text, phase: oneOf(PHASES), stops: flag })),
    unpaired: list(
      object({ entry: whole, because: text }, { match: labels, equal: list(text), whenPhase: list(text) }),
    ),
    children: list(object({ service: text })),
  }),
);

/** Largest number of services whose own pairs are looked at for what they are paired with besides. */
const CHILDREN_AT_MOST = 1_000;

/** Shows which services depend on which, and in which phase they are. */
@Injectable()
export class ServicePairs {
  constructor(
    private readonly database: Database,
    private readonly services: Services,
  ) {}

  /**
   * Returns what a service depends on, with what stops it now; its dependencies that pair with none; and what depends
   * on it.
   */
  async of(reference: string) {
    const service = await this.services.store.get(reference);
    const [parents, children] = await Promise.all([
      this.database.rows<Pair>(PAIRS_OF_CHILDREN, [[service.id]]),
      this.database.rows<{ child: string; childName: string; childLabels: Record<string, string> }>(
        PAIRS_OF_PARENT,
        [service.id],
      ),
    ]);
    const paired = new Set(parents.map(({ place }) => place));
    const isSeen = (labels: Record<string, string>) => this.services.store.isSeen(labels);
    return {
      parents: parents
        .filter(({ parentLabels }) => isSeen(parentLabels))
        .map(({ place, parentName, phase, stops }) => ({ entry: place, service: parentName, phase, stops })),
      unpaired: service.dependsOn.flatMap(({ service: _, ...one }, entry) =>
        paired.has(entry) ? [] : [{ entry, ...one, because: becauseOf(one.equal, service.labels) }],
      ),
      children: children
        .slice(0, CHILDREN_AT_MOST)
        .filter(({ childLabels }) => isSeen(childLabels))
        .map(({ childName }) => ({ service: childName })),
    };
  }
}

/** Says why nothing is paired: a label that the service itself lacks, or nobody who has them all. */
function becauseOf(equal: readonly string[], labels: Readonly<Record<string, string>>): string {
  const lacking = equal.filter((label) => !Object.hasOwn(labels, label));
  return lacking.length > 0
    ? `it has no label ${lacking.join(', ')} itself, so nothing can be equal to it`
    : 'no other service has these labels';
}
