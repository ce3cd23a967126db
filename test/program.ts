/**
 * The program as its users meet it: processes of its own, spoken to over HTTP alone. They run what is in `dist`, which
 * `npm test` builds before jest starts (so does `npm test -- <path>`); jest by hand needs `npm run build` first.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'pg';
import { checkAnswer } from './check-answer';
import { testPort } from './ports';
import { createMigratedDatabase, createTestDatabase, testRedisUrl } from './databases';

const ROOT = join(__dirname, '..');
const MAIN = join(ROOT, 'dist', 'src', 'main.js');
const COMPILE_CACHE = join(__dirname, 'compile-cache.cjs');
const START_MS = 30_000;
const STOP_MS = 31_000;

export const ADMIN_TOKEN = 'the-administrator-of-the-tests';
export const SECRET_KEY = randomBytes(32).toString('base64');

/** What nobody may ever read: not in what the program prints, not in what it keeps. */
const secrets = new Set([ADMIN_TOKEN, SECRET_KEY]);

/** A secret of a spec's own: looked for when its world ends. */
export function secret(text: string): string {
  secrets.add(text);
  return text;
}

/** As NODE_OPTIONS: starts what is built in half the time. */
export const quickStart = (options = ''): string => `--require ${JSON.stringify(COMPILE_CACHE)} ${options}`;

/** Where definitions, decisions and their ends are kept. */
const KEPT = [
  'infrastructures',
  'actions',
  'services',
  'sources',
  'contacts',
  'notices',
  'executions',
  'audit',
  'definition_versions',
  'decisions',
  'triggers',
  'alerts',
  'load_balancer_states',
  'alert_matches',
  'source_payloads',
  'trap_refusals',
  'snmp_engines',
  'mibs',
  'users',
  'sessions',
  'setup_tokens',
  'sign_in_limits',
  'rules_directory',
  'managed_definitions',
];

/** Whatever JSON an answer holds: the claims of a spec check its shape. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Json = any;

export interface Answer {
  status: number;
  body: Json;
  headers: Headers;
}

/** Speaks HTTP to one process. */
export class Api {
  constructor(
    private readonly base: string,
    private readonly token: string | undefined = ADMIN_TOKEN,
  ) {}

  /** The same with another token, or with none. */
  as(token: string | undefined): Api {
    return new Api(this.base, token ?? '');
  }

  get = (path: string) => this.send('GET', path);
  post = (path: string, body?: unknown, headers?: Record<string, string>) =>
    this.send('POST', path, body, headers);
  put = (path: string, body?: unknown, headers?: Record<string, string>) =>
    this.send('PUT', path, body, headers);
  patch = (path: string, body?: unknown, headers?: Record<string, string>) =>
    this.send('PATCH', path, body, headers);
  delete = (path: string, headers?: Record<string, string>) => this.send('DELETE', path, undefined, headers);

  /** Creates a definition. @throws when it is refused */
  async create(path: string, body: object): Promise<Json> {
    const answer = await this.post(path, body);
    if (answer.status !== 201)
      throw new Error(`POST ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** Every item of a list, over all of its pages. */
  async all(path: string): Promise<Json[]> {
    const items: Json[] = [];
    for (let cursor = ''; ;) {
      const { body } = await this.get(`${path}${path.includes('?') ? '&' : '?'}limit=500${cursor}`);
      items.push(...body.items);
      if (body.nextCursor === undefined) return items;
      cursor = `&cursor=${body.nextCursor}`;
    }
  }

  /** @param body sent as it is when it is a text, else as JSON */
  async send(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const ask = () =>
      fetch(`${this.base}${path}`, {
        method,
        headers: {
          ...(this.token ? { Authorization: `Bearer ${this.token}` } : {}),
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...headers,
        },
        body: typeof body === 'string' || body === undefined ? body : JSON.stringify(body),
        signal: AbortSignal.timeout(90_000),
      });
    // A process that ends closes kept connections, maybe in the moment one is used again.
    const response = await ask().catch((error: Error) => {
      if (method !== 'GET' || !isClosed(error)) throw error;
      return ask();
    });
    if (response.headers.get('content-type')?.startsWith('text/event-stream') === true) {
      // It would never end.
      await response.body?.cancel();
      return { status: response.status, headers: response.headers, body: '' };
    }
    const text = await response.text();
    const [type = ''] = (response.headers.get('content-type') ?? '').split(';');
    if (!/\bjson$/.test(type)) return { status: response.status, headers: response.headers, body: text };
    const read: unknown = JSON.parse(text);
    const { origin, pathname } = new URL(`${this.base}${path}`);
    await checkAnswer(origin, ADMIN_TOKEN, {
      method,
      path: pathname,
      status: response.status,
      type,
      body: read,
    });
    return { status: response.status, headers: response.headers, body: read };
  }
}

function isClosed({ cause }: Error): boolean {
  return ['ECONNRESET', 'UND_ERR_SOCKET'].includes((cause as { code?: string } | undefined)?.code ?? '');
}

export interface ProcessOptions {
  /** As MONSCALE_ROLE. */
  roles?: string;
  databaseUrl?: string;
  redisUrl?: string;
  env?: Record<string, string>;
  /** What Node runs, with its arguments; by default what is built. */
  command?: string[];
}

/** One process of the program. What is left of it at the end of the run, global-teardown kills. */
export class MonscaleProcess {
  /** Everything it printed. */
  output = '';
  readonly url: string;
  /** Under `/api/v1`. */
  readonly api: Api;
  /** Under `/`. */
  readonly root: Api;
  /** Its exit code; null when a signal ended it. */
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcess;

  /** @param port TCP for HTTP, and UDP for SNMP notifications */
  constructor(
    { roles = 'all', databaseUrl, redisUrl, env = {}, command = [MAIN] }: ProcessOptions,
    readonly port: number,
  ) {
    this.url = `http://127.0.0.1:${port}`;
    this.api = new Api(`${this.url}/api/v1`);
    this.root = new Api(this.url);
    const servers = databaseUrl && redisUrl ? { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl } : {};
    this.child = spawn(process.execPath, command, {
      cwd: process.env.TEST_FOLDER ?? tmpdir(),
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        MONSCALE_ROLE: roles,
        MONSCALE_HTTP_HOST: '127.0.0.1',
        MONSCALE_HTTP_PORT: String(port),
        MONSCALE_METRICS_PORT: String(port),
        MONSCALE_TRAP_HOST: '127.0.0.1',
        MONSCALE_TRAP_PORT: String(port),
        MONSCALE_ADMIN_TOKEN: ADMIN_TOKEN,
        MONSCALE_SECRET_KEY: SECRET_KEY,
        ...servers,
        ...env,
        // What is built elsewhere, a version of before, has no place in what is kept of this build.
        NODE_OPTIONS: command[0]!.startsWith(ROOT) ? quickStart(env.NODE_OPTIONS) : (env.NODE_OPTIONS ?? ''),
      },
    });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.output += String(chunk)));
    this.ended = once(this.child, 'close').then(([code]) => code as number | null);
  }

  /** Waits until it can do its work. @throws with its output */
  async ready(): Promise<this> {
    let isOver = false;
    void this.ended.then(() => (isOver = true));
    try {
      await until(
        async () => {
          if (isOver) throw new Error('it ended');
          const answer = await this.root.get('/health/ready').catch(() => undefined);
          return answer?.status === 200;
        },
        START_MS,
        'it is ready',
      );
      return this;
    } catch (cause) {
      await this.kill();
      throw new Error(`the program did not start; it said:\n${this.output}`, { cause });
    }
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Asks it to end and waits for it. Its exit code; null when it had to be killed. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.child.kill(signal);
    const late = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS);
    return this.ended.finally(() => clearTimeout(late));
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

/** Starts a process and waits until it is ready. */
export async function startProcess(options: ProcessOptions): Promise<MonscaleProcess> {
  return new MonscaleProcess(options, await testPort()).ready();
}

/** A database and a Redis of a spec's own, a look into the database, and the processes that use them. */
export class World {
  readonly processes: MonscaleProcess[] = [];
  private readonly looks: Pool;

  private constructor(
    readonly databaseUrl: string,
    readonly redisUrl: string,
    private readonly remove: () => Promise<unknown>,
  ) {
    this.looks = new Pool({ connectionString: databaseUrl, max: 4 });
    // Specs end connections.
    this.looks.on('error', () => undefined);
  }

  /** @param isNew its database is empty, and the first process migrates it */
  static async create({ isNew = false } = {}): Promise<World> {
    const making = isNew ? createTestDatabase() : createMigratedDatabase();
    const [database, redis] = await Promise.all([making, testRedisUrl()]);
    return new World(database.databaseUrl, redis.redisUrl, () =>
      Promise.all([database.drop(), redis.release()]),
    );
  }

  /** Starts a process on it, or on what stands in between. */
  async start(roles = 'all', options: ProcessOptions = {}): Promise<MonscaleProcess> {
    const { databaseUrl, redisUrl } = this;
    const started = await startProcess({ roles, databaseUrl, redisUrl, ...options });
    this.processes.push(started);
    return started;
  }

  async rows(text: string, values: unknown[] = []): Promise<Json[]> {
    return (await this.looks.query<Json>(text, values)).rows;
  }

  /** Kills what still runs and removes everything. @throws when a secret was printed or kept as it is */
  async end(): Promise<void> {
    await Promise.all(this.processes.map((one) => one.kill()));
    const leaks = await this.leaks();
    await this.looks.end();
    await this.remove();
    if (leaks.length > 0) throw new Error(`secrets can be read: ${leaks.join('; ')}`);
  }

  /** Looked for where they may be: after a long campaign the tables are larger than a text can be. */
  private async leaks(): Promise<string[]> {
    const kept = await Promise.all(
      KEPT.map(async (table) => {
        const rows = await this.rows(
          `SELECT secret FROM unnest($1::text[]) AS secret WHERE EXISTS (SELECT FROM ${table} t WHERE strpos(t::text, secret) > 0)`,
          [[...secrets]],
        );
        return rows.map(({ secret }) => `${JSON.stringify(secret)} in the table ${table}`);
      }),
    );
    const printed = this.processes.flatMap(({ output }) =>
      [...secrets].filter((one) => output.includes(one)).map((one) => `${JSON.stringify(one)} in the output`),
    );
    return [...kept.flat(), ...printed];
  }
}

/** Specs share the machine: a claim is waited for so many times longer than it takes where nothing else runs. */
const PATIENCE = 3;
/** How soon a claim is looked at again: at first, and at last. */
const LOOK_MS = [50, 200] as const;
/** Share of the time that was waited by now, after which it is looked at again: most looks are requests, which cost. */
const LOOK_SHARE = 0.05;

/**
 * Waits for a claim to become true. Answers what it answered. What must be quick is measured beside it.
 *
 * @param timeoutMs how long it may take where nothing else runs
 * @throws when it has not in time, saying what
 */
export async function until<T>(
  claim: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs: number,
  what = String(claim),
): Promise<T> {
  const patienceMs = PATIENCE * timeoutMs;
  const begin = performance.now();
  for (;;) {
    const answer = await claim();
    if (answer !== undefined && answer !== false) return answer;
    const waitedMs = performance.now() - begin;
    if (waitedMs > patienceMs) throw new Error(`after ${patienceMs / 1000} s this is still not so: ${what}`);
    await sleep(Math.min(Math.max(LOOK_SHARE * waitedMs, LOOK_MS[0]), LOOK_MS[1]));
  }
}

/** Does it for each item, at most so many at a time. */
export async function inBatches<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const left = [...items];
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
