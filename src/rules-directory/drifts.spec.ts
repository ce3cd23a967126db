import { randomUUID } from 'node:crypto';
import { openTestDatabase } from '../../test/databases';
import { serviceColumns } from '../../test/middle/definitions';
import { ManualClock } from '../common/clock';
import type { Database } from '../database/database';
import { changeDefinitions, DefinitionStore } from '../database/definitions';
import { ServiceRow } from '../database/entities';
import type { Rooms } from '../transfer/rooms';
import { Drifts } from './drifts';

describe('the count of what drifts', () => {
  let database: Database;
  let end: () => Promise<void>;
  let store: DefinitionStore<ServiceRow>;
  let drifts: Drifts;
  /** Statements of the counts. */
  const asked: string[] = [];

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    const kept = { isLabelled: true, writes: 'editor' } as const;
    store = new DefinitionStore(database, new ManualClock(new Date()), ServiceRow, 'service', kept);
  });
  afterAll(() => end());
  beforeEach(async () => {
    await database.rows('TRUNCATE services, managed_definitions CASCADE');
    await database.rows('UPDATE rules_directory SET applied_at = now()');
    const listening = {
      rows: (...given: Parameters<Database['rows']>) => {
        asked.push(given[0]);
        return database.rows(...given);
      },
    };
    drifts = new Drifts(listening as Database, {} as Rooms);
  });

  async function applied(...names: string[]): Promise<ServiceRow[]> {
    const rows = names.map((name) => store.row(serviceColumns(name), randomUUID()));
    await changeDefinitions(database, 'some', (manager) => store.insert(manager, rows));
    for (const { id, name, version } of rows)
      await database.rows(`INSERT INTO managed_definitions VALUES ($1, 'service', $2, 'files', $3)`, [
        id,
        name,
        version,
      ]);
    return rows;
  }
  const change = async (row: ServiceRow): Promise<ServiceRow> => {
    const changed = store.row({ ...row, description: 'by force' }, row.id, row);
    await store.change(row.name, (manager) => store.update(manager, changed));
    return changed;
  };
  /** Counts, and as another process does that has not counted before. */
  const both = async () => {
    asked.length = 0;
    const kept = await drifts.count();
    const statements = asked.length;
    expect(await new Drifts(database, {} as Rooms).count()).toBe(kept);
    return { kept, statements };
  };

  it('follows what is changed and deleted, and reads no definitions while nothing is', async () => {
    const [web, shop, jobs] = await applied('web', 'shop', 'jobs');
    expect((await both()).kept).toBe(0);
    expect(await both()).toEqual({ kept: 0, statements: 1 });
    await change(web!);
    expect(await both()).toEqual({ kept: 1, statements: 2 });
    await change(shop!);
    await store.remove(jobs!, jobs!.version, async () => []);
    expect((await both()).kept).toBe(3);
    expect(await both()).toEqual({ kept: 3, statements: 1 });
    await applied('other');
    expect((await both()).kept).toBe(3);
  });

  it('begins anew when files are applied, or let go of what they managed', async () => {
    const [web] = await applied('web', 'shop');
    await drifts.count();
    const { id, version } = await change(web!);
    expect((await both()).kept).toBe(1);
    await database.rows('UPDATE managed_definitions SET version = $2 WHERE definition_id = $1', [
      id,
      version,
    ]);
    await database.rows(`UPDATE rules_directory SET applied_at = now() + interval '1 second'`);
    expect((await both()).kept).toBe(0);
    await change({ ...web!, version });
    expect((await both()).kept).toBe(1);
    await database.rows('DELETE FROM managed_definitions');
    await database.rows('UPDATE rules_directory SET applied_at = NULL');
    expect((await both()).kept).toBe(0);
  });

  it('is right where the record of changes has a gap, and where more drift than are kept', async () => {
    const [web] = await applied('web');
    await drifts.count();
    await change(web!);
    await database.rows('DELETE FROM definition_changes');
    expect((await both()).kept).toBe(1);
    await database.rows(
      `INSERT INTO managed_definitions SELECT gen_random_uuid(), 'service', n::text, 'files', 1 FROM generate_series(1, 12000) n`,
    );
    await database.rows('UPDATE definition_revision SET revision = revision + 1');
    expect((await both()).kept).toBe(12_001);
    expect(await both()).toEqual({ kept: 12_001, statements: 1 });
  });
});
