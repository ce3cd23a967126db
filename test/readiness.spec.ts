import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { needsRight } from './needs';
import { testPort } from './ports';
import { killProcessesIn } from './processes';
import { MonscaleProcess, until, World, type Answer } from './program';
import { startRedis, type RedisStandIn } from './stand-ins/redis';

const WAIT_MS = 25_000;
const ROLES = ['api', 'trap', 'worker', 'scheduler'] as const;

type State = 'up' | 'degraded' | 'down';
type States = Record<(typeof ROLES)[number], State>;

const WITHOUT_REDIS: States = { api: 'degraded', trap: 'degraded', worker: 'down', scheduler: 'down' };
const WITHOUT_POSTGRES: States = { api: 'down', trap: 'degraded', worker: 'down', scheduler: 'down' };
const NOTHING: States = { api: 'down', trap: 'down', worker: 'down', scheduler: 'down' };

describe('each role is ready when it can do its work, tried on servers that fail for real', () => {
  const processes = {} as Record<(typeof ROLES)[number], MonscaleProcess>;
  const spool = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'spool-'));
  let world: World;
  let redis: RedisStandIn;
  let server: Client;

  beforeAll(async () => {
    redis = await startRedis();
    world = await World.create();
    const redisUrl = `redis://127.0.0.1:${redis.port}`;
    const env = { MONSCALE_SPOOL_DIR: spool };
    for (const role of ROLES) processes[role] = await world.start(role, { redisUrl, env });
    const url = new URL(world.databaseUrl);
    url.pathname = '/postgres';
    server = new Client({ connectionString: url.href });
    await server.connect();
    server.on('error', () => undefined);
  }, 90_000);

  afterAll(async () => {
    await server?.end();
    await world?.end();
    await redis?.stop();
  });

  const answers = async (): Promise<Record<string, Answer>> =>
    Object.fromEntries(
      await Promise.all(ROLES.map(async (role) => [role, await processes[role].root.get('/health/ready')])),
    );
  const wait = (wished: States, what: string) =>
    until(
      async () => {
        const found = await answers();
        for (const { status, body } of Object.values(found))
          expect(status).toBe(body.status === 'down' ? 503 : 200);
        return ROLES.every((role) => found[role]!.body.status === wished[role]) && found;
      },
      WAIT_MS,
      what,
    );
  const allUp = async (what: string) => {
    const isUp = async () => Object.values(await answers()).every(({ body }) => body.status === 'up');
    await until(isUp, WAIT_MS, `up after ${what}`);
  };
  const post = () => processes.api.api.post('/alerts', { labels: { host: 'any' } });

  it('Redis: out of memory, a replica, locked, not able to save', async () => {
    await allUp('the start');
    const { client, port } = redis;
    const [, folder] = (await client.config('GET', 'dir')) as [string, string];
    const states: [name: string, begin: () => Promise<unknown>, end: () => Promise<unknown>, says: RegExp][] =
      [
        [
          'OOM',
          () => client.config('SET', 'maxmemory', '1'),
          () => client.config('SET', 'maxmemory', '0'),
          /OOM command not allowed/,
        ],
        [
          'READONLY',
          () => client.replicaof('127.0.0.1', port - 1),
          () => client.replicaof('NO', 'ONE'),
          /READONLY/,
        ],
        [
          'NOAUTH',
          async () => {
            await client.config('SET', 'requirepass', 'x');
            await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
          },
          () => client.config('SET', 'requirepass', ''),
          /NOAUTH|no connection/,
        ],
        [
          'MISCONF',
          async () => {
            rmSync(folder, { recursive: true });
            await client.config('SET', 'save', '3600 1');
            await client.set('x', 1);
            await client.bgsave();
          },
          async () => {
            mkdirSync(folder);
            await client.config('SET', 'stop-writes-on-bgsave-error', 'no');
          },
          /MISCONF/,
        ],
      ];
    for (const [name, begin, end, says] of states) {
      await begin();
      const found = await wait(WITHOUT_REDIS, name);
      for (const role of ROLES)
        expect([name, found[role]!.body.checks.redis.error]).toEqual([name, expect.stringMatching(says)]);
      // It takes what is sent to it all the same.
      expect([name, (await post()).status]).toEqual([name, 202]);
      const metrics = (await processes.worker.root.get('/metrics')).body as string;
      expect(metrics).toMatch(/^monscale_ready\{check="redis"\} 0$/m);
      await end();
      await allUp(name);
    }
  }, 120_000);

  it('PostgreSQL: read only, closed, of a newer schema; and a spool that is gone', async () => {
    const name = new URL(world.databaseUrl).pathname.slice(1);
    const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}' AND application_name = 'monscale'`;
    const states: [name: string, begin: string[], end: string[], says: RegExp][] = [
      [
        'read only',
        [`ALTER DATABASE ${name} SET default_transaction_read_only = on`, cut],
        // Its connections are not ended: as after a failover.
        [`ALTER DATABASE ${name} SET default_transaction_read_only = off`],
        /read-only transaction/,
      ],
      [
        'closed',
        [`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`, cut],
        [`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`],
        /not currently accepting connections|clock_timestamp|terminat/,
      ],
    ];
    for (const [state, begin, end, says] of states) {
      for (const sql of begin) await server.query(sql);
      const found = await wait(WITHOUT_POSTGRES, state);
      expect([state, found.api!.body.checks.database.error]).toEqual([state, expect.stringMatching(says)]);
      for (const asked of [
        post(),
        processes.api.api.post('/alerts/alertmanager', {
          alerts: [{ status: 'firing', labels: { a: 'b' } }],
        }),
        processes.api.api.post('/actions', { name: 'a', type: 'log_message', params: { message: 'x' } }),
        processes.api.api.put('/kill-switch', { on: true, reason: 'x' }),
      ]) {
        const { status, headers, body } = await asked;
        expect([state, status, body.title]).toEqual([state, 503, 'Service Unavailable']);
        expect(headers.get('content-type')).toContain('application/problem+json');
        expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      }
      if (state === 'closed') {
        // Nothing is left to take notifications into.
        rmSync(spool, { recursive: true });
        await wait(NOTHING, 'no spool');
        mkdirSync(join(spool, `traps-${processes.trap.port}`), { recursive: true });
        await wait(WITHOUT_POSTGRES, 'the spool is back');
      }
      for (const sql of end) await server.query(sql);
      await allUp(state);
      expect((await post()).status).toBe(202);
    }

    await world.rows(
      `INSERT INTO migrations (timestamp, name) VALUES (9999999999999, 'Future9999999999999')`,
    );
    const found = await wait(WITHOUT_POSTGRES, 'newer');
    expect(found.worker!.body.checks.database.error).toContain('this one does not know Future9999999999999;');
    const late = new MonscaleProcess(
      { roles: 'api', databaseUrl: world.databaseUrl, redisUrl: world.redisUrl },
      await testPort(),
    );
    expect(await late.ended).toBe(1);
    expect(late.output).toContain(
      "monscale can't start: the database was migrated by a newer monscale: this one does not know Future9999999999999;",
    );
    // It is the next version, which says that this one may go on.
    await world.rows(
      `INSERT INTO schema_versions SELECT 'Future9999999999999', migration FROM schema_versions ORDER BY migration DESC LIMIT 1`,
    );
    await allUp('a newer schema that this version goes with');
    const beside = await world.start('api');
    expect(await beside.stop()).toBe(0);
  }, 120_000);
});

const TMPFS = mkdtempSync(join(tmpdir(), 'small-disk-'));
const canMount = needsRight(
  'mount',
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=260m', 'tmpfs', TMPFS]).status === 0,
);
if (!canMount) rmSync(TMPFS, { recursive: true });

(canMount ? describe : describe.skip)('embedded servers on a small disk', () => {
  let program: MonscaleProcess | undefined;

  afterAll(async () => {
    await program?.kill();
    await killProcessesIn(TMPFS);
    spawnSync('umount', [TMPFS]);
    rmSync(TMPFS, { recursive: true });
  });

  it('a full disk is told, nothing that was accepted is lost, and all goes on once there is room', async () => {
    program = await new MonscaleProcess(
      { env: { MONSCALE_DATA_DIR: join(TMPFS, 'data') } },
      await testPort(),
    ).ready();
    const { root, api } = program;
    const ballast = join(TMPFS, 'ballast');
    try {
      for (;;) writeFileSync(ballast, Buffer.alloc(1 << 16), { flag: 'a' });
    } catch {
      // It is full.
    }
    const { body } = await until(async () => {
      const answer = await root.get('/health/ready');
      return answer.status === 503 && answer;
    }, WAIT_MS);
    expect(body.checks.database.error).toMatch(/No space left on device|PostgreSQL is away/);
    expect(body.checks.disk.error).toMatch(/0 MB are left/);
    const accepted: string[] = [];
    for (let count = 0; count < 40; count++) {
      const answer = await api.post('/alerts', { labels: { n: `${count}`, text: 'x'.repeat(4_000) } });
      if (answer.status === 202) accepted.push(answer.body.accepted[0].id);
      else expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, expect.any(String)]);
    }
    expect(accepted.length).toBeLessThan(40);
    rmSync(ballast);
    await until(async () => (await root.get('/health/ready')).body.status === 'up', WAIT_MS);
    expect((await api.post('/alerts', { labels: { n: 'last' } })).status).toBe(202);
    const kept = (await api.all('/alerts')).map(({ id }) => id as string);
    expect(accepted.filter((id) => !kept.includes(id))).toEqual([]);
    expect(await program.stop()).toBe(0);
  }, 120_000);
});
