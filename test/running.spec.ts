import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Redis from 'ioredis';
import { testPort } from './ports';
import { killProcessesIn } from './processes';
import { ADMIN_TOKEN, Api, MonscaleProcess, quickStart, until } from './program';
import { WebhookSink } from './stand-ins/webhook-sink';

const ROOT = join(__dirname, '..');
const WAIT_MS = 30_000;

/** Started and stopped as people do, on embedded servers, in a folder of its own. */
describe('a program with embedded servers', () => {
  const work = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'running-'));
  const sink = new WebhookSink();
  const programs: MonscaleProcess[] = [];
  const folder = (name: string) => join(work, name);

  let sinkUrl: string;
  beforeAll(async () => void (sinkUrl = await sink.start()));

  afterAll(async () => {
    await Promise.all(programs.map((program) => program.kill()));
    await killProcessesIn(work);
    await sink.stop();
    rmSync(work, { recursive: true, force: true });
  });

  async function make(data: string, env: Record<string, string> = {}): Promise<MonscaleProcess> {
    const program = new MonscaleProcess({ env: { MONSCALE_DATA_DIR: data, ...env } }, await testPort());
    programs.push(program);
    return program;
  }

  const start = async (data: string, env?: Record<string, string>) => (await make(data, env)).ready();

  /** Undefined while a server that starts has not written its file. */
  const pidsOf = (data: string) =>
    ['postgres/postmaster.pid', 'redis/redis.pid'].map((file) => {
      const path = join(data, file);
      return existsSync(path) ? parseInt(readFileSync(path, 'utf8')) : undefined;
    });

  /** Processes that work in a folder, other than programs. */
  const serversIn = (data: string) =>
    readdirSync('/proc').filter((pid) => {
      try {
        return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(`${data}/`);
      } catch {
        return false;
      }
    });

  const ask = async (data: string, ...command: string[]) => {
    const redis = new Redis(readFileSync(join(data, 'redis-url'), 'utf8').trim());
    try {
      return await redis.call(command[0]!, ...command.slice(1));
    } finally {
      redis.disconnect();
    }
  };

  const metric = async ({ root }: MonscaleProcess, name: string) =>
    Number(
      new RegExp(`^${name.replace(/[{}"]/g, '\\$&')} (\\S+)$`, 'm').exec(
        (await root.get('/metrics')).body,
      )?.[1],
    );

  async function teach({ api }: MonscaleProcess): Promise<void> {
    await api.create('/actions', {
      name: 'tell',
      type: 'webhook',
      params: { url: `${sinkUrl}/{{ service.name }}` },
    });
  }
  const serviceFor = ({ api }: MonscaleProcess, name: string) =>
    api.create('/services', {
      name,
      metrics: { outage: { type: 'alert', params: { match: { host: name } } } },
      condition: 'outage > 0',
      actions: ['tell'],
    });
  /** @throws what is no answer that says when to come again */
  const unlessAway = (error: Error): undefined => {
    if (!error.message.includes('answered 503')) throw error;
  };
  const told = (name: string) => sink.requests.filter(({ path }) => path === `/${name}`).length;
  const alerted = ({ api }: MonscaleProcess, host: string) =>
    until(async () => (await api.post('/alerts', { labels: { host } })).status === 202, WAIT_MS);

  it.concurrent(
    'has them started again when they are killed, and goes on: what was accepted is done, once',
    async () => {
      const data = folder('killed');
      const program = await start(data);
      await teach(program);
      for (const name of ['postgres', 'redis', 'backend', 'both']) {
        // A server may be up for who looked before it fell.
        await until(() => serviceFor(program, name).catch(unlessAway), WAIT_MS);
        const [postmaster, redis] = pidsOf(data);
        const backend = Number(
          execFileSync('pgrep', ['-P', String(postmaster), '-f', 'monscale monscale'])
            .toString()
            .split('\n')[0],
        );
        const victims = {
          postgres: [postmaster],
          redis: [redis],
          backend: [backend],
          both: [postmaster, redis],
        }[name]!;
        // Amid work.
        const sending = alerted(program, name);
        for (const pid of victims) process.kill(pid!, 'SIGKILL');
        await sending;
        await until(() => told(name) === 1, WAIT_MS);
        // Those alone that were killed; readiness may not know yet.
        const isAnother = () => {
          const after = pidsOf(data);
          const before = [postmaster, redis];
          return after.every(
            (pid, at) => Boolean(pid) && (pid !== before[at]) === victims.includes(before[at]!),
          );
        };
        await until(isAnother, WAIT_MS);
        await until(async () => (await program.root.get('/health/ready')).body.status === 'up', WAIT_MS);
      }
      await sleep(2_000);
      expect(['postgres', 'redis', 'backend', 'both'].map(told)).toEqual([1, 1, 1, 1]);
      expect(await metric(program, 'monscale_embedded_restarts_total{server="postgresql"}')).toBe(2);
      expect(await metric(program, 'monscale_embedded_restarts_total{server="redis"}')).toBe(2);
      expect(program.output).toMatch(/Redis: process \d+ ended; it is started again/);
      // Twice, and another meanwhile.
      for (const signal of ['SIGQUIT', 'SIGQUIT', 'SIGTERM'] as const) process.kill(program.pid, signal);
      expect(await program.ended).toBe(0);
      expect(program.output).toMatch(/SIGQUIT: draining(.|\n)*"msg":"stopped"/);
      expect(serversIn(data)).toEqual([]);
    },
    120_000,
  );

  it.concurrent(
    'leaves the servers of the folder alone that its own was copied from, and those of the copy when it stops',
    async () => {
      const live = folder('live');
      const program = await start(live);
      await teach(program);
      await serviceFor(program, 'live');
      const before = pidsOf(live);
      // As people do, with what runs: pid files, ports and the lock are copied too.
      const copy = folder('copy');
      cpSync(live, copy, { recursive: true });
      const other = await start(copy, { MONSCALE_KILL_SWITCH: 'on' });
      expect((await other.api.get('/services')).body.items).toHaveLength(1);
      expect(other.output).toContain('the data folder is a copy');
      expect(pidsOf(copy).filter((pid) => before.includes(pid))).toEqual([]);
      await ask(copy, 'SET', 'of', 'copy');
      expect(await ask(live, 'GET', 'of')).toBe(null);

      // A name that leads to the same folder is that folder.
      symlinkSync(live, folder('link'));
      const second = await make(folder('link'));
      expect(await second.ended).toBe(1);
      expect(second.output).toContain(`another program (process ${program.pid}) runs on`);

      expect(await other.stop('SIGHUP')).toBe(0);
      expect(serversIn(copy)).toEqual([]);
      expect(pidsOf(live)).toEqual(before);
      await alerted(program, 'live');
      await until(() => told('live') === 1, WAIT_MS);

      // Killed, its servers live on; a copy of that is made, and the folder is moved.
      await program.kill();
      const late = folder('late');
      cpSync(live, late, { recursive: true });
      const moved = folder('moved');
      renameSync(live, moved);
      const [copied, back] = await Promise.all([start(late, { MONSCALE_KILL_SWITCH: 'on' }), start(moved)]);
      expect(pidsOf(moved)).toEqual(before);
      expect(pidsOf(late).filter((pid) => before.includes(pid))).toEqual([]);
      expect(await Promise.all([copied.stop('SIGINT'), back.stop('SIGUSR2')])).toEqual([0, 0]);
      expect([...serversIn(late), ...serversIn(moved)]).toEqual([]);

      // Moved once more, while nothing runs.
      renameSync(moved, live);
      const again = await start(live);
      expect((await again.api.get('/services')).body.items).toHaveLength(1);
      expect(again.output).not.toContain('is a copy');
      expect(await again.stop()).toBe(0);
    },
    120_000,
  );

  it.concurrent(
    'drains when it is asked to stop while it starts, at any moment, and leaves no servers',
    async () => {
      // A new cluster is being made, servers come up, the database is migrated, the port is opened.
      await Promise.all(
        [200, 1_200, 2_400].map(async (afterMs) => {
          const fresh = folder(`fresh-${afterMs}`);
          const program = await make(fresh);
          await until(() => existsSync(fresh), WAIT_MS);
          await sleep(afterMs);
          expect([afterMs, await program.stop('SIGHUP'), serversIn(fresh)]).toEqual([afterMs, 0, []]);
        }),
      );
    },
    60_000,
  );

  /** `npm start` as typed, in a shell of its own session. */
  function shell(command: string, data: string, port: number): ChildProcess {
    return spawn('bash', ['-c', command], {
      cwd: work,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        ROOT,
        MAIN: join(ROOT, 'dist', 'src', 'main.js'),
        MONSCALE_DATA_DIR: data,
        MONSCALE_HTTP_PORT: String(port),
        MONSCALE_TRAP_PORT: String(port),
        MONSCALE_ADMIN_TOKEN: ADMIN_TOKEN,
        NODE_OPTIONS: quickStart(),
      },
    });
  }

  it.concurrent(
    'shows the token that it made to a terminal alone; whoever else reads is told its file',
    async () => {
      const begin = async (name: string, command: string) => {
        const [data, port] = [folder(name), await testPort()];
        const run = shell(`unset MONSCALE_ADMIN_TOKEN; ${command}`, data, port);
        let said = '';
        for (const stream of [run.stdout!, run.stderr!])
          stream.on('data', (chunk) => (said += String(chunk)));
        await until(() => /monscale is ready: [^]*admin token.*/.test(said), WAIT_MS, `${name} is ready`);
        const token = readFileSync(join(data, 'admin-token'), 'utf8').trim();
        const api = new Api(`http://127.0.0.1:${port}/api/v1`, token);
        // What it made beside the token: notifications are taken from this machine alone.
        expect((await api.get('/sources/snmp')).body).toMatchObject({
          format: 'snmp',
          params: { allowFrom: ['127.0.0.0/8', '::1/128'] },
        });
        process.kill(parseInt(readFileSync(join(data, 'program.pid'), 'utf8')), 'SIGTERM');
        await once(run, 'close');
        return { said, token, file: join(data, 'admin-token') };
      };
      const [terminal, pipe] = await Promise.all([
        begin('terminal', 'script -qec "node $MAIN" /dev/null'),
        begin('kept', 'node $MAIN'),
      ]);
      expect(terminal.said).toContain(`shown this once (kept in ${terminal.file}): ${terminal.token}`);
      expect(pipe.said).toContain(`admin token: in ${pipe.file}`);
      expect(pipe.said).not.toContain(pipe.token);
      expect(pipe.token).toMatch(/^[\w-]{24,}$/);
    },
    60_000,
  );

  it.concurrent(
    'ends in time whoever reads what it says, and whoever does not',
    async () => {
      const endsIn = async (name: string, pipe: string) => {
        const data = folder(`piped-${name}`);
        const port = await testPort();
        const run = shell(`node $MAIN ${pipe}`, data, port);
        const { root, api } = {
          root: new Api(`http://127.0.0.1:${port}`),
          api: new Api(`http://127.0.0.1:${port}/api/v1`),
        };
        await until(
          async () => (await root.get('/health/ready').catch(() => undefined))?.status === 200,
          WAIT_MS,
        );
        if (name !== 'closed')
          // More than a pipe holds.
          await Promise.all(
            Array.from({ length: 8 }, async (_, one) => {
              for (let n = 0; n < 60; n++) await api.get(`/services/${one}-${n}`);
            }),
          );
        const pid = parseInt(readFileSync(join(data, 'program.pid'), 'utf8'));
        process.kill(pid, 'SIGTERM');
        await until(
          () => !existsSync(`/proc/${pid}`) || readFileSync(`/proc/${pid}/cmdline`, 'utf8') === '',
          WAIT_MS,
          name,
        );
        expect([name, serversIn(data)]).toEqual([name, []]);
        try {
          process.kill(-run.pid!, 'SIGKILL');
        } catch {
          // All of it ended.
        }
      };
      await Promise.all([
        endsIn('head', '2>&1 | head -1'),
        endsIn('stopped', '2>&1 | sleep 1000'),
        endsIn('closed', '>&- 2>&-'),
        endsIn('full', '>/dev/full 2>/dev/full'),
      ]);
    },
    180_000,
  );

  it.concurrent(
    'drains in order when a terminal tells all its processes at once, or its leader is killed',
    async () => {
      const data = folder('group');
      const env = { MONSCALE_API_PROCESSES: '2' };
      const port = await testPort();
      const run = shell('MONSCALE_API_PROCESSES=2 exec node $MAIN', data, port);
      const root = new Api(`http://127.0.0.1:${port}`);
      await until(
        async () => (await root.get('/health/ready').catch(() => undefined))?.status === 200,
        WAIT_MS,
      );
      const exited = once(run, 'close');
      process.kill(-run.pid!, 'SIGINT');
      expect((await exited)[0]).toBe(0);
      expect(serversIn(data)).toEqual([]);

      const program = await start(data, env);
      const members = execFileSync('pgrep', ['-P', String(program.pid), '-f', 'main.js'])
        .toString()
        .trim()
        .split('\n')
        .map(Number);
      expect(members).toHaveLength(2);
      process.kill(pidsOf(data)[1]!, 'SIGKILL');
      const restarts = () => metric(program, 'monscale_embedded_restarts_total{server="redis"}');
      await until(async () => (await restarts()) === 1, WAIT_MS);
      await program.kill();
      await until(() => members.every((pid) => !existsSync(`/proc/${pid}`)), WAIT_MS);
      expect(program.output.match(/leads this group ended: draining/g)).toHaveLength(2);

      // As typed; npm is killed, and cannot hand that on.
      const npm = shell('exec npm --prefix $ROOT start', data, port);
      await until(
        async () => (await root.get('/health/ready').catch(() => undefined))?.status === 200,
        WAIT_MS,
      );
      const pid = parseInt(readFileSync(join(data, 'program.pid'), 'utf8'));
      expect(pid).not.toBe(npm.pid);
      npm.kill('SIGKILL');
      await until(() => !existsSync(`/proc/${pid}`), WAIT_MS);
      expect(serversIn(data)).toEqual([]);
    },
    120_000,
  );
});
