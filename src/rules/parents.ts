import { uuids } from '../database/binary-format';
import type { Sql } from '../database/sql-pool';
import { Statement } from '../database/statement';
import type { Parent, Phase } from '../engine/types';
import { STOPPING } from '../services/dependencies';
import type { ServiceSnapshot } from './compiled-service';

/** Reads what stops services that depend on others. */
const READ_PARENTS = new Statement<{ child: string; name: string; phase: Phase }>(
  'rules_parents',
  STOPPING,
  'by keys',
);

/** Services that stop others, by the ids of these. */
export type Parents = ReadonlyMap<string, Parent>;

const NOBODY: Parents = new Map();

/** Reads what stops services; asks nothing where none depends on another. */
export async function readParents(sql: Sql, snapshots: readonly ServiceSnapshot[]): Promise<Parents> {
  const dependent = snapshots.flatMap(({ compiled }) =>
    compiled.rule.isDependent ? [compiled.service.id] : [],
  );
  if (dependent.length === 0) return NOBODY;
  const rows = await READ_PARENTS.rows(sql, [uuids(dependent)]);
  const parents = new Map<string, Parent>();
  for (const { child, name, phase } of rows) if (!parents.has(child)) parents.set(child, { name, phase });
  return parents;
}
