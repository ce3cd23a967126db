import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { createTestDatabase } from '../../test/databases';
import { Secrets } from '../common/secrets';
import { readConfig } from '../config/config';
import { Database } from '../database/database';
import { fingerprintOf, sealedIn, SEALED_IN } from '../database/secret-key';
import { ruleKey } from '../rules/rule-key';
import { rotate } from './rotation';

const [OLD, YOUNG, OTHER] = [randomBytes(32), randomBytes(32), randomBytes(32)];
const NO_ID = '00000000-0000-0000-0000-000000000000';

type Row = Record<string, unknown>;

/** What every definition has. */
const COMMON = { description: '', labels: {}, version: 1, created_at: '2026-11-01T00:00:00Z', updated_at: '2026-11-01T00:00:00Z' }; // prettier-ignore
const OF: Record<string, Row> = {
  infrastructures: { min_nodes: 1, max_nodes: 2, up_wisdom_seconds: 0, down_wisdom_seconds: 0, warmup_seconds: 0, max_direction_changes_per_hour: 6 },
  actions: { type: 'webhook', timeout_seconds: 30, retry: {}, concurrency: 1 },
  services: {
    enabled: true, interval_seconds: 10, slot: 1, polled: true, series: {}, condition: 'jobs > 1', hold_seconds: 0, wisdom_seconds: 0, repeat: true,
    missing_data: 'hold', policy: {}, action_ids: [], recovery_action_ids: [], escalations: [], mode: 'auto', approval_ttl_seconds: 60,
    approval_by_other: false, approval_action_ids: [],
  },
  sources: { format: 'grafana', services: null, add_labels: {}, token_hash: `\\x${'00'.repeat(32)}` },
}; // prettier-ignore

describe('rotate-key', () => {
  let databaseUrl: string;
  let database: Database;
  let end: () => Promise<unknown>;
  const clients: Client[] = [];

  beforeAll(async () => {
    const created = await createTestDatabase();
    ({ databaseUrl } = created);
    database = new Database(Object.freeze({ ...readConfig({}), databaseUrl, secretKey: OLD }));
    await database.onModuleInit();
    end = () => database.onApplicationShutdown().then(created.drop);
  });
  afterAll(async () => {
    await Promise.all(clients.map((one) => one.end().catch(() => undefined)));
    await end();
  });
  beforeEach(async () => {
    for (const table of ['service_states', ...Object.keys(SEALED_IN)])
      await database.rows(`DELETE FROM ${table}`);
    await database.rows('UPDATE secret_key SET fingerprint = $1', [fingerprintOf(OLD)]);
  });

  async function connect(): Promise<Client> {
    const client = new Client({ connectionString: databaseUrl });
    client.on('error', () => undefined);
    await client.connect();
    clients.push(client);
    return client;
  }

  const seal = (value: unknown, key = OLD): object =>
    (new Secrets([key]) as unknown as { encrypt(key: Buffer, value: unknown): object }).encrypt(key, value);

  async function define(table: string, name: string, given: Row): Promise<string> {
    const row = { ...COMMON, ...OF[table], name, ...given };
    // Those that PostgreSQL does not make itself.
    const [{ columns }] = (await database.rows(
      `SELECT string_agg(column_name, ', ') AS columns FROM information_schema.columns
       WHERE table_name = $1 AND table_schema = 'public' AND is_generated = 'NEVER' AND column_name = ANY($2)`,
      [table, ['id', ...Object.keys(row)]],
    )) as [{ columns: string }];
    const [made] = await database.rows<{ id: string }>(
      `INSERT INTO ${table} (${columns}) SELECT ${columns}
       FROM jsonb_populate_record(NULL::${table}, $1::jsonb || jsonb_build_object('id', gen_random_uuid())) RETURNING id`,
      [JSON.stringify(row)],
    );
    return made!.id;
  }

  /** One of each kind, with secrets wherever they may be, and two without. */
  async function defineAll(): Promise<void> {
    await define('infrastructures', 'pool', {
      nodes: { type: 'x', params: { password: seal('in nodes') } },
      load_balancer: { type: 'f5', params: { password: seal('in a load balancer'), tls: { key: seal('deep') } } },
    });
    await define('infrastructures', 'half', { nodes: { type: 'x', params: { password: seal('n') } }, load_balancer: null });
    await define('actions', 'tell', { params: { headers: seal({ a: 'b' }), url: 'http://h', list: [{ key: seal('k') }, { key: 'plain' }] } });
    await define('actions', 'plain', { params: { url: 'http://h' } });
    await define('services', 'web', { metrics: { jobs: { type: 'redis_list_length', params: { url: seal('redis://h'), key: 'x' } } } });
    await define('sources', 'native', { params: { secret: seal('hmac') } });
  } // prettier-ignore

  async function stored(): Promise<Record<string, Row[]>> {
    const tables = Object.keys(SEALED_IN).map(
      async (table) => [table, await database.rows<Row>(`SELECT * FROM ${table} ORDER BY name`)] as const,
    );
    return Object.fromEntries(await Promise.all(tables));
  }

  const seals = async () =>
    Object.entries(await stored()).flatMap(([table, rows]) =>
      rows.flatMap((row) => SEALED_IN[table as keyof typeof SEALED_IN].flatMap((column) => sealedIn(row[column]))),
    ); // prettier-ignore

  /** Secrets as their texts, by a key alone. */
  const opened = async (key: Buffer) => {
    const opening = new Secrets([key]) as unknown as { decrypt(sealed: object, name: string): unknown };
    return (await seals()).map((one) => opening.decrypt(one, ''));
  };
  const opens = async (...keys: Buffer[]) => (await seals()).every((one) => new Secrets(keys).opens(one));
  const noted = async () =>
    (await database.rows<{ fingerprint: string }>('SELECT fingerprint FROM secret_key'))[0]!.fingerprint;

  test('brings every secret under the new key, wherever it stands, and nothing else', async () => {
    await defineAll();
    const [before, texts] = [await stored(), await opened(OLD)];
    expect(await rotate(await connect(), [YOUNG, OLD], false)).toEqual({ changed: 5, unopened: [] });
    expect(await opened(YOUNG)).toEqual(texts);
    expect(texts).toHaveLength(8);
    await expect(opened(OLD)).rejects.toThrow(/under another/);
    expect(await noted()).toBe(fingerprintOf(YOUNG));
    const after = await stored();
    expect(after.actions!.find(({ name }) => name === 'plain')).toEqual(
      before.actions!.find(({ name }) => name === 'plain'),
    );
    const withoutSeals = (all: unknown) =>
      JSON.stringify(all)
        .replace(/"sealed":"[^"]*"/g, '')
        .replace(/"version":\d+/g, '');
    expect(withoutSeals(after)).toBe(withoutSeals(before));
  });

  test('changes nothing when it runs again', async () => {
    await defineAll();
    await rotate(await connect(), [YOUNG, OLD], false);
    const before = await stored();
    const [revision] = await database.rows('SELECT revision FROM definition_revision');
    expect(await rotate(await connect(), [YOUNG, OLD], false)).toEqual({ changed: 0, unopened: [] });
    expect(await stored()).toEqual(before);
    expect((await database.rows('SELECT revision FROM definition_revision'))[0]).toEqual(revision);
  });

  test('may run twice at once, beside somebody who saves', async () => {
    await defineAll();
    for (let index = 0; index < 120; index++) await define('actions', `a${index}`, { params: { secret: seal(index) } });
    const texts = await opened(OLD);
    const save = async (times: number) => {
      const client = await connect();
      for (let time = 0; time < times; time++) {
        await client.query('BEGIN');
        await client.query('UPDATE definition_revision SET revision = revision + 1');
        await client.query(`UPDATE actions SET description = $1 WHERE name = ANY('{a1,a5,a50,tell}')`, [`${time}`]);
        await client.query('COMMIT');
      }
    };
    const [one, two] = await Promise.all([
      rotate(await connect(), [YOUNG, OLD], false),
      rotate(await connect(), [YOUNG, OLD], false),
      save(20),
    ]);
    expect(one.changed + two.changed).toBe(125);
    expect(await opened(YOUNG)).toEqual(texts);
    const [saved] = await database.rows(`SELECT description FROM actions WHERE name = 'a50'`);
    expect(saved).toEqual({ description: '19' });
  }, 20_000); // prettier-ignore

  test('killed at any moment: both keys open everything, the old one is still noted, and it is done by another run', async () => {
    let deaths = 0;
    for (let asked = 1, isDone = false; !isDone; asked++) {
      for (const table of Object.keys(SEALED_IN)) await database.rows(`DELETE FROM ${table}`);
      await database.rows('UPDATE secret_key SET fingerprint = $1', [fingerprintOf(OLD)]);
      await defineAll();
      const texts = await opened(OLD);
      const client = await connect();
      let left = asked;
      const dying = new Proxy(client, {
        get: (target, name) => {
          if (name !== 'query') return Reflect.get(target, name) as unknown;
          return async (...given: [string]) => {
            if (left-- > 0) return target.query(...given);
            await target.end();
            throw new Error('killed');
          };
        },
      });
      isDone = await rotate(dying, [YOUNG, OLD], false).then(
        () => true,
        () => false,
      );
      if (!isDone) {
        deaths++;
        expect([await opens(YOUNG, OLD), await noted()]).toEqual([true, fingerprintOf(OLD)]);
        await rotate(await connect(), [YOUNG, OLD], false);
      }
      expect([await opened(YOUNG), await noted()]).toEqual([texts, fingerprintOf(YOUNG)]);
    }
    expect(deaths).toBeGreaterThan(20);
  }, 60_000);

  test('earlier versions are opened by the new key alone, and it is written down once', async () => {
    const id = await define('actions', 'tell', { version: 2, params: { secret: seal('now') } });
    const keep = (version: number, definition: object) =>
      database.rows(
        `INSERT INTO definition_versions (kind, definition_id, version, at, actor, definition, names)
         VALUES ('action', $1, $2, now(), 'anna', $3, '{}')`,
        [id, version, JSON.stringify(definition)],
      );
    await keep(1, { params: { secret: seal('then'), list: [{ key: seal('deep') }] } });
    await keep(2, { params: { secret: seal('now') } });
    const [{ count: before }] = (await database.rows<{ count: number }>('SELECT count(*)::int AS count FROM audit')) as [{ count: number }]; // prettier-ignore
    await rotate(await connect(), [YOUNG, OLD], false);
    const versions = await database.rows<Row>(
      'SELECT version, actor, definition FROM definition_versions WHERE definition_id = $1 ORDER BY version',
      [id],
    );
    // The newest has the number of what it is a version of, and its author.
    expect(versions.map(({ version, actor }) => [version, actor])).toEqual([
      [1, 'anna'],
      [3, 'anna'],
    ]);
    const sealed = versions.flatMap(({ definition }) => sealedIn(definition));
    expect(sealed).toHaveLength(3);
    expect(sealed.every((one) => new Secrets([YOUNG]).opens(one))).toBe(true);
    const entries = await database.rows('SELECT action, via, actor, detail FROM audit ORDER BY id');
    expect(entries.slice(before)).toEqual([
      {
        action: 'rotate_key',
        via: 'program',
        actor: 'monscale rotate-key',
        detail: { fingerprint: fingerprintOf(YOUNG), definitions: 1, unopened: 0 },
      },
    ]);
    await database.rows('DELETE FROM definition_versions');
  });

  test('a rule keeps its hold and its alarm', async () => {
    const metrics = { jobs: { type: 'redis_list_length', params: { url: seal('redis://h'), key: 'x' } } };
    const id = await define('services', 'web', { metrics });
    const [{ metrics: kept, condition, recovery }] = (await database.rows<Row>('SELECT * FROM services')) as [Row];
    const before = ruleKey({ metrics: kept, condition, recovery } as never);
    const state = { ruleKey: before, triggered: true };
    await database.rows(`INSERT INTO service_states (service_id, state, decision_id) VALUES ($1, $2, $3)`, [id, JSON.stringify(state), NO_ID]);
    await rotate(await connect(), [YOUNG, OLD], false);
    const [after] = await database.rows<{ metrics: Row; state: Row }>('SELECT s.*, st.state FROM services s JOIN service_states st ON st.service_id = s.id');
    const young = ruleKey(after as never);
    expect(young).not.toBe(before);
    expect(after!.state).toEqual({ ruleKey: young, triggered: true });
  }); // prettier-ignore

  test('what neither key opens is named, and nothing is forgotten; with --lost the new key is noted', async () => {
    await defineAll();
    await define('actions', 'foreign', { params: { secret: seal('x', OTHER) } });
    await define('sources', 'damaged', { params: { secret: { sealed: 'AAAA' } }, token_hash: '\\x01' });
    await expect(rotate(await connect(), [YOUNG, OLD], false)).rejects.toThrow(
      /^2 definitions have secrets that neither key opens, the first: action foreign, source damaged; .*--lost/,
    );
    expect(await noted()).toBe(fingerprintOf(OLD));
    expect(await opens(YOUNG, OLD, OTHER)).toBe(false);
    const { unopened } = await rotate(await connect(), [YOUNG, OLD], true);
    expect([unopened, await noted()]).toEqual([['action foreign', 'source damaged'], fingerprintOf(YOUNG)]);
  });

  test('when the old key is lost everything is named, stays as it is, and the new key is noted', async () => {
    await defineAll();
    const before = await stored();
    const { changed, unopened } = await rotate(await connect(), [YOUNG], true);
    expect(changed).toBe(0);
    expect(unopened.sort()).toEqual(['action tell', 'infrastructure half', 'infrastructure pool', 'service web', 'source native']);
    expect([await stored(), await noted()]).toEqual([before, fingerprintOf(YOUNG)]);
  }); // prettier-ignore
});
