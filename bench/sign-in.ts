/**
 * Wrong passwords in masses, while alerts are posted; and whether the time of an answer tells that a name exists.
 *
 *     npm run bench sign-in -- --guesses 10000 --addresses 100
 */
import { once } from 'node:events';
import http from 'node:http';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { newId } from '../src/common/ids';
import { stopThreads } from '../src/common/thread-pool';
import { hashPassword } from '../src/people/passwords';
import { BenchProgram, printTable, quantile, sleep } from './program';

/** Names that exist; as many are tried that do not. */
const USERS = 50;
const GUESSES_AT_ONCE = 200;
const ALERT_PAUSE_MS = 5;
const QUIET_MS = 15_000;
const WARM_UP_MS = 20_000;
/** Answers that are timed of each kind. */
const TIMED = 60;
const ADDRESS = '198.18';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      guesses: { type: 'string', default: '10000' },
      addresses: { type: 'string', default: '100' },
    },
  });
  const program = await BenchProgram.start({ MONSCALE_TRUSTED_PROXIES: '127.0.0.1' });
  try {
    await makeUsers(program);
    await timeNames(program);
    await flood(program, Number(values.guesses), Number(values.addresses));
  } finally {
    await program.stop();
    await stopThreads();
  }
}

async function makeUsers({ sql }: BenchProgram): Promise<void> {
  const hash = await hashPassword('correct horse battery');
  for (let n = 0; n < USERS; n++)
    await sql.query(
      `INSERT INTO users (id, name, version, created_at, updated_at, display_name, groups, disabled, password_hash)
       VALUES ($1, $2, 1, now(), now(), '', '{}', false, $3)`,
      [newId(), `user-${n}`, hash],
    );
}

/** Times wrong passwords one by one, in turns for a name that exists and one that does not. */
async function timeNames(program: BenchProgram): Promise<void> {
  const times = { known: [] as number[], unknown: [] as number[] };
  for (let n = 0; n < TIMED; n++) {
    // Limits would answer instead.
    await program.sql.query('DELETE FROM sign_in_limits');
    for (const [kind, name] of [
      ['known', `user-${n % USERS}`],
      ['unknown', `nobody-${n % USERS}`],
    ] as const) {
      // prettier-ignore
      const from = performance.now();
      const status = await guess(program.url, name, `${ADDRESS}.255.1`);
      if (status !== 401) throw new Error(`a wrong password was answered ${status}`);
      times[kind].push(performance.now() - from);
    }
  }
  const { known, unknown } = times;
  const difference = Math.abs(quantile(known, 0.5) - quantile(unknown, 0.5));
  const noise = Math.max(quartileRange(known), quartileRange(unknown));
  printTable(`${TIMED} wrong passwords each, one by one, ms`, [
    ['median, names that exist', quantile(known, 0.5)],
    ['median, names that do not', quantile(unknown, 0.5)],
    ['difference of the medians', difference],
    ['noise: range of the middle half', noise],
    ['difference under the noise', difference < noise ? 'yes' : 'NO'],
  ]);
}

const quartileRange = (values: readonly number[]): number => quantile(values, 0.75) - quantile(values, 0.25);

async function flood(program: BenchProgram, guesses: number, addresses: number): Promise<void> {
  await program.sql.query('DELETE FROM sign_in_limits');
  // The first ones warm up code and connections.
  await postAlerts(program, sleep(WARM_UP_MS));
  const before = await postAlerts(program, sleep(QUIET_MS));
  const hashesBefore = await hashes(program);
  const from = performance.now();
  const flooded = floodBeside({ url: program.url, guesses, addresses });
  const during = await postAlerts(
    program,
    flooded.then(() => undefined),
  );
  const statuses = await flooded;
  const seconds = (performance.now() - from) / 1000;
  const made = (await hashes(program)).map((count, n) => count - hashesBefore[n]!);
  const after = await postAlerts(program, sleep(QUIET_MS));
  const [p99Before, p99During] = [quantile(before, 0.99), quantile(during, 0.99)];
  printTable(`${guesses} wrong passwords from ${addresses} addresses in ${seconds.toFixed(1)} s, beside POST /alerts`, [
    ...[...statuses].sort().map(([status, count]) => [`answered ${status}`, count] as const),
    ['hashes on the idle thread', made[0]!],
    ['hashes on the other thread', made[1]!],
    ['POST /alerts before: count', before.length],
    ['p50, ms', quantile(before, 0.5)],
    ['p99, ms', p99Before],
    ['POST /alerts meanwhile: count', during.length],
    ['p50, ms', quantile(during, 0.5)],
    ['p99, ms', p99During],
    ['POST /alerts afterwards: p99, ms', quantile(after, 0.99)],
    ['p99 meanwhile / before', p99During / p99Before],
  ]); // prettier-ignore
}

/** Hashes of passwords so far: by what others left of the processors, and beside them. */
const hashes = (program: BenchProgram): Promise<number[]> =>
  Promise.all(
    ['idle_passwords', 'passwords'].map((lane) =>
      program.metric('monscale_thread_tasks_total', `lane="${lane}",outcome="done"`),
    ),
  );

let alerts = 0;

/** Posts alerts one by one until something is over. @returns how long each took, ms */
async function postAlerts(program: BenchProgram, until: Promise<void>): Promise<number[]> {
  const times: number[] = [];
  let isOver = false;
  const end = until.finally(() => (isOver = true));
  while (!isOver) {
    const from = performance.now();
    await program.post('/api/v1/alerts', { labels: { name: `alert-${alerts++}` } });
    times.push(performance.now() - from);
    await sleep(ALERT_PAUSE_MS);
  }
  await end;
  return times;
}

interface Flood {
  url: string;
  guesses: number;
  addresses: number;
}

type Statuses = Map<number, number>;

/** Floods from a thread, so that what it takes is not measured with the alerts. @returns answers by their status */
async function floodBeside(workerData: Flood): Promise<Statuses> {
  const thread = new Worker(__filename, { workerData, execArgv: ['-r', '@swc-node/register'] });
  const [statuses] = (await once(thread, 'message')) as [Statuses];
  return statuses;
}

async function guessAll({ url, guesses, addresses }: Flood): Promise<Statuses> {
  const statuses: Statuses = new Map();
  let next = 0;
  const guesser = async () => {
    for (let n = next++; n < guesses; n = next++) {
      const name = n % 2 ? `user-${n % USERS}` : `nobody-${n % USERS}`;
      const status = await guess(url, name, `${ADDRESS}.0.${n % addresses}`);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: GUESSES_AT_ONCE }, guesser));
  return statuses;
}

// A connection for each guess, as many machines would make them.
const agent = new http.Agent({ maxSockets: GUESSES_AT_ONCE });

/** Sends a wrong password. @param address that the proxy before the program names */
function guess(url: string, username: string, address: string): Promise<number> {
  const text = JSON.stringify({ username, password: 'a wrong password' });
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      'x-forwarded-for': address,
    };
    const request = http.request(`${url}/api/v1/session`, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode!));
    });
    request.on('error', reject);
    request.end(text);
  });
}

if (isMainThread) void main();
else void guessAll(workerData as Flood).then((statuses) => parentPort!.postMessage(statuses));
