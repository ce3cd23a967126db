import { parseInTurns } from '../common/json-in-turns';
import type { Sql } from '../database/sql-pool';
import { Statement } from '../database/statement';
import type { MibModule } from './mib';

/** Uploaded MIB module. */
export interface StoredMib extends MibModule {
  updatedAt: Date;
}

type Row = { [column in 'name' | 'definitions' | 'imports' | 'skipped']: string } & { updatedAt: Date };

/** Reads what changes whenever a module is uploaded, replaced or deleted. */
const REVISION = new Statement<{ revision: string }>(
  'mibs_revision',
  `SELECT count(*) || ' ' || coalesce(max(updated_at)::text, '') AS revision FROM mibs`,
);

/** Returns what changes whenever a module is uploaded, replaced or deleted. */
export async function mibsRevision(sql: Pick<Sql, 'rows'>): Promise<string> {
  const [row] = await REVISION.rows(sql);
  return row!.revision;
}

/** Reads the uploaded modules in the order of their names. */
const ALL_MIBS = new Statement<Row>(
  'mibs_stored',
  `SELECT name, definitions::text, imports::text, skipped::text, updated_at AS "updatedAt" FROM mibs ORDER BY name`,
);

/** Returns the uploaded modules in the order of their names. One has tens of thousands of definitions, read in turns. */
export async function storedMibs(sql: Pick<Sql, 'rows'>): Promise<StoredMib[]> {
  const rows = await ALL_MIBS.rows(sql);
  const modules: StoredMib[] = [];
  for (const { name, definitions, imports, skipped, updatedAt } of rows)
    modules.push({
      name,
      definitions: (await parseInTurns(definitions)) as MibModule['definitions'],
      imports: (await parseInTurns(imports)) as MibModule['imports'],
      skipped: (await parseInTurns(skipped)) as MibModule['skipped'],
      updatedAt,
    });
  return modules;
}
