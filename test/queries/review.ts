/** Statements of the whole program, with their plans on full tables. */
import { Client } from 'pg';
import { allStatements } from '../../src/database/statement';
import { declarationsIn, declaringFiles, load } from './declarations';
import { fillTables, readTables } from './full-tables';
import type { Shown } from './pages';
import { plansOf } from './plans';

/**
 * Plans every statement that the source declares.
 *
 * @param databaseUrl a migrated, empty database
 * @throws Error at a statement that is declared and not known, or known and not declared
 */
export async function reviewed(databaseUrl: string, services?: number): Promise<Shown[]> {
  const files = declaringFiles();
  await load(files);
  const declarations = new Map(files.flatMap(declarationsIn).map((one) => [one.name, one]));
  const statements = allStatements();
  const names = new Set<string>(statements.map(({ name }) => name));
  const odd = [...declarations.keys()].filter((name) => !names.has(name));
  if (odd.length > 0) throw new Error(`declared, and not known when all files are loaded: ${odd.join(', ')}`);
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await fillTables(client, services);
    const early = await plansOf(client, statements);
    await readTables(client);
    const plans = await plansOf(client, statements);
    return statements.map(({ name, text }) => {
      const declaration = declarations.get(name);
      if (declaration === undefined) throw new Error(`${name} is known, and no file of src declares it`);
      return { ...declaration, text, plans: plans.get(name)!, early: early.get(name)! };
    });
  } finally {
    await client.end();
  }
}
