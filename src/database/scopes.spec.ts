import fc from 'fast-check';
import { createTestDatabase } from '../../test/databases';
import { isWithin } from '../common/caller';
import type { Config } from '../config/config';
import { Database } from './database';
import { inScopes, scopesParameter } from './scopes';

let database: Database;
let drop: () => Promise<void>;

beforeAll(async () => {
  const created = await createTestDatabase();
  drop = created.drop;
  database = new Database({ databaseUrl: created.databaseUrl, migrateAtStart: true } as Config);
  await database.onModuleInit();
});

afterAll(async () => {
  await database.onApplicationShutdown();
  await drop();
});

const word = fc.constantFrom('team', 'env', 'a"b', "it's", '__proto__', '{}', '\\', 'ü', '');
const labels = fc.dictionary(word, word, { maxKeys: 3 });

test('PostgreSQL and this program agree on what is within a scope', async () => {
  const scopes = fc.option(fc.array(labels, { maxLength: 3 }));
  const cases = fc.sample(fc.tuple(labels, scopes), 300);
  const answers = await Promise.all(
    cases.map(([thing, within]) =>
      database.rows<{ isIn: boolean }>(`SELECT ${inScopes('$2::jsonb', '$1')} AS "isIn"`, [
        scopesParameter(within),
        JSON.stringify(thing),
      ]),
    ),
  );
  expect(answers.map(([row]) => row!.isIn)).toEqual(cases.map(([thing, within]) => isWithin(thing, within)));
});

test('what has no labels any more is for callers without a scope', async () => {
  const reach = async (within: Record<string, string>[] | null) =>
    (await database.rows<{ isIn: boolean }>(`SELECT ${inScopes('NULL::jsonb', '$1')} AS "isIn"`, [scopesParameter(within)]))[0]!.isIn;
  expect([await reach(null), await reach([{ a: 'b' }]), await reach([])]).toEqual([true, false, false]);
}); // prettier-ignore
