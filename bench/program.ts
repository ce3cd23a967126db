import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Client } from 'pg';
import { newId, slotOf } from '../src/common/ids';
import { startEmbeddedServers, type EmbeddedServers } from '../src/embedded/embedded-servers';
import { testPort } from '../test/ports';
import { usageOf, type Usage } from './processes';

/** Build under measurement; `BENCH_MAIN` is that of another one, so that two are measured in turn. */
const MAIN = process.env.BENCH_MAIN ?? resolve(__dirname, '../dist/src/main.js');
export const ADMIN_TOKEN = 'bench-administrator-token';

/** Process that has joined the program under measurement. */
interface Joined {
  /** What it is measured as. */
  part: string;
  child: ChildProcess;
  url: string;
}

/** The built program under measurement, with servers of its own, all as durable as in production. */
export class BenchProgram {
  private readonly agent = new http.Agent({ keepAlive: true, maxSockets: 8 });

  private constructor(
    private readonly folder: string,
    private readonly servers: EmbeddedServers,
    private readonly port: number,
    private readonly env: NodeJS.ProcessEnv,
    readonly sql: Client,
  ) {}

  private child!: ChildProcess;
  private readonly joined: Joined[] = [];

  static async start(env: NodeJS.ProcessEnv = {}): Promise<BenchProgram> {
    if (!existsSync(MAIN)) throw new Error('build first: npm run build');
    const folder = mkdtempSync(join(tmpdir(), 'monscale-bench-'));
    const servers = await startEmbeddedServers(folder, () => {}, { postgres: installedPostgres() });
    const sql = new Client({ connectionString: servers.databaseUrl });
    await sql.connect();
    const { rows } = await sql.query<{ server_version: string }>('SHOW server_version');
    console.log(`\nPostgreSQL ${rows[0]!.server_version}`);
    const program = new BenchProgram(folder, servers, await testPort(), env, sql);
    await program.run();
    return program;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get databaseUrl(): string {
    return this.servers.databaseUrl;
  }

  /** Starts it, and waits until it is ready. */
  private async run(): Promise<void> {
    this.child = this.spawn(this.port, this.env);
    await untilReady(this.url);
  }

  /** Adds a process of the same program. @param part what it is measured as; several may be one part */
  async join(part: string, env: NodeJS.ProcessEnv): Promise<void> {
    const port = await testPort();
    const one = { part, child: this.spawn(port, env), url: `http://127.0.0.1:${port}` };
    this.joined.push(one);
    await untilReady(one.url);
  }

  private spawn(port: number, env: NodeJS.ProcessEnv): ChildProcess {
    const { servers, folder } = this;
    return spawn(process.execPath, [...(process.env.BENCH_NODE_OPTIONS?.split(' ') ?? []), MAIN], {
      env: {
        ...process.env,
        MONSCALE_HTTP_HOST: '127.0.0.1',
        MONSCALE_HTTP_PORT: String(port),
        MONSCALE_METRICS_PORT: String(port),
        MONSCALE_TRAP_HOST: '127.0.0.1',
        MONSCALE_TRAP_PORT: '0',
        MONSCALE_ADMIN_TOKEN: ADMIN_TOKEN,
        MONSCALE_DATA_DIR: folder,
        MONSCALE_SECRET_KEY: servers.secretKey,
        MONSCALE_LOG_LEVEL: 'warn',
        DATABASE_URL: servers.databaseUrl,
        REDIS_URL: servers.redisUrl,
        ...env,
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  }

  /** Ends the program, not its servers, and starts it anew. */
  async restart(): Promise<void> {
    await this.end();
    await this.run();
  }

  /** By the same client as the peers' harness (`lat.js`): connections that stay, and 8 of them. */
  post<T>(path: string, body: unknown): Promise<T> {
    return this.send('POST', path, body);
  }

  patch<T>(path: string, body: unknown): Promise<T> {
    return this.send('PATCH', path, body);
  }

  private send<T>(method: string, path: string, body: unknown): Promise<T> {
    const text = JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const request = http.request(`${this.url}${path}`, {
        method,
        agent: this.agent,
        headers: {
          authorization: `Bearer ${ADMIN_TOKEN}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
        },
      });
      request.on('error', reject);
      request.on('response', (response) => {
        response.setEncoding('utf8');
        let answer = '';
        response.on('data', (chunk: string) => (answer += chunk));
        response.on('end', () => {
          if (response.statusCode! < 300) resolve(JSON.parse(answer) as T);
          else reject(new Error(`${path}: ${response.statusCode} ${answer}`));
        });
      });
      request.end(text);
    });
  }

  /** Copies of a service that was made over the API, so that many thousands take seconds; `patch` is SQL over `n`. */
  async copyService(template: string, count: number, patch: Record<string, string>): Promise<void> {
    const columns = Object.entries(patch);
    const ids = Array.from({ length: count }, newId);
    const { rows } = await this.sql.query<{ column_name: string }>(
      `SELECT column_name FROM information_schema.columns WHERE table_name = 'services' AND table_schema = 'public' AND is_generated = 'NEVER'`,
    );
    const values: Record<string, string> = {
      id: 'c.id',
      slot: 'c.slot',
      name: `'copy-' || c.n`,
      ...Object.fromEntries(columns),
    };
    const names = rows.map(({ column_name }) => column_name);
    await this.sql.query(
      `INSERT INTO services (${names.join(', ')})
       SELECT ${names.map((name) => values[name] ?? `s.${name}`).join(', ')}
       FROM services s, unnest($2::uuid[], $3::int[]) WITH ORDINALITY AS c (id, slot, n) WHERE s.name = $1`,
      [template, ids, ids.map(slotOf)],
    );
    await this.sql.query(
      'INSERT INTO service_actions SELECT id, unnest(action_ids) FROM services ON CONFLICT DO NOTHING',
    );
    await this.sql.query('UPDATE definition_revision SET revision = revision + 1');
    await this.sql.query('ANALYZE');
  }

  /** The value of one of the program's own metrics, summed over its processes and all labels, or those that hold this text. */
  async metric(name: string, label = ''): Promise<number> {
    const texts = await Promise.all(
      [this, ...this.joined].map(({ url }) => fetch(`${url}/metrics`).then((response) => response.text())),
    );
    const lines = texts
      .join('\n')
      .split('\n')
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .filter((line) => line.includes(label));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  /** CPU seconds of the program, PostgreSQL and Redis since it was started. */
  cpuSeconds(): number {
    const { program, postgres, redis } = this.usage();
    return program.cpuSeconds + postgres.cpuSeconds + redis.cpuSeconds;
  }

  /** Proportional set size of the program, PostgreSQL and Redis, MB. */
  pssMb(): number {
    const { program, postgres, redis } = this.usage();
    return program.pssMb + postgres.pssMb + redis.pssMb;
  }

  /** Of the program, of PostgreSQL and of Redis. */
  usage(): { program: Usage; postgres: Usage; redis: Usage } {
    const { program, postgres, redis } = this.roots();
    return { program: usageOf(program), postgres: usageOf(postgres), redis: usageOf(redis) };
  }

  /** Ids of the processes below which are all of the program, of PostgreSQL and of Redis. */
  roots(): { program: number[]; postgres: number[]; redis: number[] } {
    return {
      program: [this.child, ...this.joined.map(({ child }) => child)].map(({ pid }) => pid!),
      postgres: [pidIn(join(this.folder, 'postgres', 'postmaster.pid'))],
      redis: [pidIn(join(this.folder, 'redis', 'redis.pid'))],
    };
  }

  /** Of the program's processes, by what they are measured as. @param first what the first of them is */
  usageByPart(first: string): Map<string, Usage> {
    const all = [{ part: first, child: this.child }, ...this.joined];
    const pidsOf = (part: string) => all.filter((one) => one.part === part).map(({ child }) => child.pid!);
    return new Map([...new Set(all.map(({ part }) => part))].map((part) => [part, usageOf(pidsOf(part))]));
  }

  async stop(): Promise<void> {
    this.agent.destroy();
    await this.sql.end();
    await Promise.all([this.end(), ...this.joined.map(({ child }) => ended(child))]);
    await this.servers.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private end(): Promise<void> {
    return ended(this.child);
  }
}

async function untilReady(url: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const ready = await fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (ready) return;
    await sleep(100);
  }
  throw new Error('the program did not become ready in 30 s');
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exit;
}

/** Debian's, which the peers run on as well: the embedded one is built for size, and takes a third more CPU. */
export function installedPostgres(): string | undefined {
  const all = '/usr/lib/postgresql';
  const versions = existsSync(all) ? readdirSync(all).map(Number) : [];
  const folder = join(all, String(Math.max(...versions)));
  return existsSync(join(folder, 'bin', 'postgres')) ? folder : undefined;
}

const pidIn = (file: string): number => Number.parseInt(readFileSync(file, 'utf8'), 10);

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The value below which the given share of sorted values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

export function printTable(title: string, rows: readonly (readonly [string, string | number])[]): void {
  const width = Math.max(...rows.map(([name]) => name.length));
  console.log(`\n${title}`);
  for (const [name, value] of rows)
    console.log(`  ${name.padEnd(width)}  ${typeof value === 'number' ? round(value) : value}`);
}

const round = (value: number): string =>
  Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 3 : 1);

/** @throws when it is not so within a minute, saying what */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`within 60 s this did not come true: ${what}`);
    await sleep(1);
  }
}
