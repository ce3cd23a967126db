import { Client } from 'pg';
import { createTestDatabase } from '../../test/databases';
import { infrastructureColumns, serviceColumns as columns } from '../../test/middle/definitions';
import { newId, SLOTS } from '../common/ids';
import type { Config } from '../config/config';
import { Database } from '../database/database';
import { changeDefinitions, DefinitionStore, type Columns } from '../database/definitions';
import { InfrastructureRow, ServiceRow } from '../database/entities';
import { RuleCompiler } from './rule-compiler';
import { SilenceBook } from '../silences/silence-book';
import { ServiceLoader } from './service-loader';
import { PolledServiceCache } from './polled-service-cache';

const clock = { now: () => new Date(0) };
const INTERVAL = 10;

describe('the cache of polled services', () => {
  let database: Database;
  let drop: () => Promise<void>;
  let polledServices: PolledServiceCache;
  let services: DefinitionStore<ServiceRow>;
  let infrastructures: DefinitionStore<InfrastructureRow>;
  const clients: Client[] = [];
  /** Whether all services were read, and not those alone that changed. */
  let readAll = false;
  let asked: jest.SpiedFunction<Database['rows']>;

  beforeAll(async () => {
    const created = await createTestDatabase();
    drop = created.drop;
    database = new Database({ databaseUrl: created.databaseUrl, migrateAtStart: true } as Config);
    await database.onModuleInit();
    services = new DefinitionStore(database, clock, ServiceRow, 'service', {
      isLabelled: true,
      writes: 'editor',
    });
    infrastructures = new DefinitionStore(database, clock, InfrastructureRow, 'infrastructure', {
      isLabelled: true,
      writes: 'editor',
    });
    const rows = database.rows.bind(database);
    asked = jest.spyOn(database, 'rows').mockImplementation((text, ...rest) => {
      readAll ||= text.includes('ORDER BY s.id');
      return rows(text, ...rest);
    });
  });

  afterAll(async () => {
    await Promise.all(clients.map((client) => client.end()));
    await database.onApplicationShutdown();
    await drop();
  });

  beforeEach(async () => {
    await database.rows('TRUNCATE services, infrastructures, definition_changes CASCADE');
    const unused = {} as never;
    const metrics = { isPushed: () => false } as never;
    const reads = { of: () => ({}) } as never;
    const policies = { get: () => ({ strategy: {}, options: { params: class {} } }) } as never;
    const secrets = { open: () => ({ params: {}, texts: [] }) } as never;
    const compiler = new RuleCompiler(metrics, reads, unused, unused, policies, secrets);
    const silences = new SilenceBook(database);
    const loader = new ServiceLoader(database, compiler, silences);
    jest.spyOn(loader['logger'], 'error').mockReturnValue();
    polledServices = new PolledServiceCache(database, loader, silences);
    await polledServices.due(INTERVAL, 0, 0);
    readAll = false;
  });

  const names = async (interval = INTERVAL): Promise<string[]> => {
    const due = await polledServices.due(interval, 0, SLOTS - 1);
    return due.map(({ compiled }) => compiled.service.name).sort();
  };
  const snapshot = async (name: string) =>
    (await polledServices.due(INTERVAL, 0, SLOTS - 1)).find(
      ({ compiled }) => compiled.service.name === name,
    )!;

  async function create(...made: Columns<ServiceRow>[]): Promise<ServiceRow[]> {
    const rows = made.map((one) => services.row(one, newId()));
    await changeDefinitions(database, 'services', (manager) => services.insert(manager, rows));
    return rows;
  }

  async function change(before: ServiceRow, given: Partial<ServiceRow>): Promise<ServiceRow> {
    const row = services.row(columns(before.name, given), before.id, before);
    await services.change(row.name, (manager) => services.update(manager, row));
    return row;
  }

  async function connected(): Promise<Client> {
    const client = new Client({ connectionString: database['config'].databaseUrl });
    await client.connect();
    clients.push(client);
    return client;
  }

  const writeState = (
    sql: { query(text: string, values: unknown[]): Promise<unknown> },
    id: string,
    phase: string,
  ) =>
    sql.query(
      `INSERT INTO service_states (service_id, state, decision_id) VALUES ($1, $2, $3)
       ON CONFLICT (service_id) DO UPDATE SET state = excluded.state`,
      [id, JSON.stringify({ phase }), newId()],
    );

  it('learns of what is new, changed, moved to another interval, disabled, enabled and deleted, and of that alone', async () => {
    const [a, b, c] = await create(columns('a'), columns('b'), columns('c'));
    expect(await names()).toEqual(['a', 'b', 'c']);
    const moved = await change(a!, { intervalSeconds: 60 });
    const off = await change(b!, { enabled: false });
    await services.remove(c!, 1, async () => []);
    expect([await names(), await names(60)]).toEqual([[], ['a']]);
    await change(off, { condition: 'load > 2' });
    await change(moved, { polled: false });
    expect([await names(), await names(60)]).toEqual([['b'], []]);
    expect((await snapshot('b')).compiled.service).toMatchObject({ version: 3, condition: 'load > 2' });
    expect(readAll).toBe(false);
  });

  it('finds the services of a range of slots, both ends included', async () => {
    await create(...[3, 4, 5, 6].map((slot) => columns(`slot-${slot}`, { slot })));
    const due = await polledServices.due(INTERVAL, 4, 5);
    expect(due.map(({ compiled }) => compiled.service.slot)).toEqual([4, 5]);
    expect(await polledServices.due(INTERVAL + 1, 4, 5)).toEqual([]);
  });

  it('learns that an infrastructure changed, for all the services that scale it', async () => {
    const row = infrastructures.row(infrastructureColumns('web'), newId());
    await changeDefinitions(database, 'web', (manager) => infrastructures.insert(manager, [row]));
    const scaling = { infrastructureId: row.id, direction: 'up' as const };
    await create(columns('a', scaling), columns('b', scaling), columns('c'));
    expect((await snapshot('a')).compiled.rule.scaling?.maxNodes).toBe(5);
    const next = infrastructures.row(infrastructureColumns('web', { maxNodes: 7 }), row.id, row);
    await infrastructures.change('web', (manager) => infrastructures.update(manager, next));
    const limits = (await polledServices.due(INTERVAL, 0, SLOTS - 1)).map(
      ({ compiled }) => compiled.rule.scaling?.maxNodes,
    );
    expect(limits.sort()).toEqual([7, 7, undefined]);
    expect(readAll).toBe(false);
  });

  it('reads all anew when what changed is not on record', async () => {
    const [a] = await create(columns('a'), columns('b'));
    expect(await names()).toEqual(['a', 'b']);
    await database.rows('DELETE FROM services WHERE id = $1', [a!.id]);
    await database.rows('UPDATE definition_revision SET revision = revision + 1');
    expect(await names()).toEqual(['b']);
    expect(readAll).toBe(true);
  });

  it('reads more services than a page holds', async () => {
    const all = Array.from({ length: 1_203 }, (_, index) => columns(`many-${index}`));
    await create(...all);
    expect(await names()).toHaveLength(1_203);
    await database.rows('UPDATE definition_revision SET revision = revision + 1');
    expect(await names()).toHaveLength(1_203);
  });

  it('says of what can not be made ready why, and of no other; and takes it when it is mended', async () => {
    const [, broken] = await create(columns('good'), columns('broken', { condition: 'load >' }));
    expect(await names()).toEqual(['broken', 'good']);
    const problem = async (name: string) => (await snapshot(name)).compiled.openBecause({ load: 1 });
    expect(await problem('broken')).toMatch(/can't be evaluated: does not parse/);
    expect(await problem('good')).toBeUndefined();
    await change(broken!, {});
    expect(await problem('broken')).toBeUndefined();
  });

  it('sees the kill switch at once', async () => {
    await create(columns('a'));
    expect((await snapshot('a')).killSwitch).toBe(false);
    await database.rows('UPDATE kill_switch SET is_on = true');
    expect((await snapshot('a')).killSwitch).toBe(true);
    await database.rows('UPDATE kill_switch SET is_on = false');
    expect((await snapshot('a')).killSwitch).toBe(false);
  });

  it('misses no state, in whatever order transactions begin, write and commit', async () => {
    const [a, b, c] = await create(columns('a'), columns('b'), columns('c'));
    const phases = async () => {
      const due = await polledServices.due(INTERVAL, 0, SLOTS - 1);
      return Object.fromEntries(due.map(({ compiled, state }) => [compiled.service.name, state?.phase]));
    };
    const [early, late, other] = [await connected(), await connected(), await connected()];
    await early.query('BEGIN');
    await writeState(early, a!.id, 'pending');
    await other.query('BEGIN');
    await other.query('SELECT pg_current_xact_id()');
    await writeState(late, b!.id, 'alarm');
    expect(await phases()).toEqual({ b: 'alarm' });
    await writeState(other, c!.id, 'pending');
    expect(await phases()).toEqual({ b: 'alarm' });
    await early.query('COMMIT');
    expect(await phases()).toEqual({ a: 'pending', b: 'alarm' });
    await writeState(late, a!.id, 'ok');
    await other.query('COMMIT');
    expect(await phases()).toEqual({ a: 'ok', b: 'alarm', c: 'pending' });
    await other.query('BEGIN');
    await writeState(other, c!.id, 'alarm');
    await other.query('ROLLBACK');
    expect(await phases()).toEqual({ a: 'ok', b: 'alarm', c: 'pending' });
    expect(readAll).toBe(false);
  });

  it('agrees with the database after hundreds of transactions that overlap', async () => {
    const made = await create(...Array.from({ length: 20 }, (_, index) => columns(`service-${index}`)));
    const writers = await Promise.all(Array.from({ length: 6 }, connected));
    let isOver = false;
    const writing = writers.map(async (client, writer) => {
      for (let round = 0; round < 60; round++) {
        const { id } = made[(writer * 7 + round * 3) % made.length]!;
        await client.query('BEGIN');
        await writeState(client, id, `${writer}-${round}`);
        await client.query(`SELECT pg_sleep(${(writer * round) % 5} / 1000.0)`);
        await client.query(round % 7 === 0 ? 'ROLLBACK' : 'COMMIT');
      }
    });
    const looking = (async () => {
      while (!isOver) await polledServices.due(INTERVAL, 0, SLOTS - 1);
    })();
    await Promise.all(writing);
    isOver = true;
    await looking;
    const kept = await database.rows<{ id: string; phase: string }>(
      `SELECT service_id AS id, state->>'phase' AS phase FROM service_states`,
    );
    const due = await polledServices.due(INTERVAL, 0, SLOTS - 1);
    const inMemory = due.map(({ compiled, state }) => [compiled.service.id, state?.phase]);
    expect(new Map(inMemory as [string, string][])).toEqual(
      new Map(kept.map(({ id, phase }) => [id, phase])),
    );
    expect(readAll).toBe(false);
  }, 30_000);

  it('reads a state once, also while a transaction stands open, and when it comes from another server', async () => {
    const [a, b] = await create(columns('a'), columns('b'));
    const standing = await connected();
    await standing.query('BEGIN');
    await standing.query('SELECT pg_current_xact_id()');
    const writer = await connected();
    await writeState(writer, a!.id, 'alarm');
    await writeState(writer, b!.id, 'alarm');
    await writer.query('ALTER TABLE service_states DISABLE TRIGGER service_states_written');
    await writer.query(`UPDATE service_states SET written_by = '99999999999' WHERE service_id = $1`, [b!.id]);
    await writer.query('ALTER TABLE service_states ENABLE TRIGGER service_states_written');
    const first = [await snapshot('a'), await snapshot('b')];
    expect(first[0]!.state).toEqual({ phase: 'alarm' });
    expect([await snapshot('a'), await snapshot('b')]).toEqual(first);
    expect((await snapshot('a')) === first[0]).toBe(true);
    await standing.query('COMMIT');
  });

  it('takes nothing for granted after a look that failed', async () => {
    const [a] = await create(columns('a'));
    expect(await names()).toEqual(['a']);
    jest.spyOn(polledServices['database'], 'rows').mockRejectedValueOnce(new Error('away'));
    await expect(names()).rejects.toThrow('away');
    // Another server, which never heard of it.
    await database.rows('DELETE FROM services WHERE id = $1', [a!.id]);
    expect(await names()).toEqual([]);
    expect(readAll).toBe(true);
  });

  it('reads all anew after a gap in the record, and from then on what changes alone', async () => {
    const [a] = await create(columns('a'), columns('b'));
    expect(await names()).toEqual(['a', 'b']);
    const second = await change(a!, { condition: 'load > 2' });
    await change(second, { condition: 'load > 3' });
    await database.rows(
      'DELETE FROM definition_changes WHERE revision = (SELECT max(revision) - 1 FROM definition_changes)',
    );
    expect((await snapshot('a')).compiled.service.condition).toBe('load > 3');
    expect(readAll).toBe(true);
    readAll = false;
    await create(columns('c'));
    expect(await names()).toEqual(['a', 'b', 'c']);
    expect(readAll).toBe(false);
  });

  it('reads all anew where transactions are numbered lower than before: another server, of another time', async () => {
    const [a] = await create(columns('a'), columns('b'));
    expect(await names()).toEqual(['a', 'b']);
    // What this process knows, had it learned it of a server that was ahead.
    polledServices['known'] = { ...polledServices['known']!, snapshot: '9000000000:9000000000:' };
    await database.rows('DELETE FROM services WHERE id = $1', [a!.id]);
    expect(await names()).toEqual(['b']);
    expect(readAll).toBe(true);
    readAll = false;
    const writer = await connected();
    await writeState(writer, (await snapshot('b')).compiled.service.id, 'alarm');
    expect((await snapshot('b')).state).toMatchObject({ phase: 'alarm' });
    expect(readAll).toBe(false);
  });

  describe('when something changes between the look and the read', () => {
    /** Has it happen once it is known which services changed, before they are read. */
    function betweenLookAndRead(happen: () => Promise<unknown>): void {
      const read = asked.getMockImplementation()!;
      asked.mockImplementation(async (text, ...rest) => {
        if (!text.includes('s.id = ANY')) return read(text, ...rest);
        asked.mockImplementation(read);
        await happen();
        return read(text, ...rest);
      });
    }

    it('a service that is deleted is left out', async () => {
      const [a, b] = await create(columns('a'), columns('b'));
      betweenLookAndRead(() => services.remove(b!, 1, async () => []));
      expect(await names()).toEqual(['a']);
      expect(await names()).toEqual(['a']);
      await change(a!, { enabled: false });
      expect(await names()).toEqual([]);
      expect(readAll).toBe(false);
    });

    it('a service that is changed once more is never older than it was then, nor stays so', async () => {
      const [a] = await create(columns('a'));
      expect(await names()).toEqual(['a']);
      const second = await change(a!, { condition: 'load > 2' });
      betweenLookAndRead(() => change(second, { condition: 'load > 3', intervalSeconds: 60 }));
      const [seen] = [
        ...(await polledServices.due(INTERVAL, 0, SLOTS - 1)),
        ...(await polledServices.due(60, 0, SLOTS - 1)),
      ];
      expect(seen!.compiled.service.condition).toBe('load > 3');
      expect([await names(), await names(60)]).toEqual([[], ['a']]);
      expect(readAll).toBe(false);
    });

    it('a state that is written then is there by the next look', async () => {
      const [a] = await create(columns('a'));
      const writer = await connected();
      betweenLookAndRead(() => writeState(writer, a!.id, 'pending'));
      await names();
      expect((await snapshot('a')).state).toMatchObject({ phase: 'pending' });
      await writeState(writer, a!.id, 'alarm');
      expect((await snapshot('a')).state).toMatchObject({ phase: 'alarm' });
      expect(readAll).toBe(false);
    });

    it('a read that fails is made up for by the next', async () => {
      await create(columns('a'));
      betweenLookAndRead(() => Promise.reject(new Error('away')));
      await expect(names()).rejects.toThrow('away');
      expect(await names()).toEqual(['a']);
    });
  });
});
