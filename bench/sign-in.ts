/**
 * Wrong passwords in masses, while alerts are posted; and whether the time of an answer tells that a name exists.
 *
 *     npm run bench sign-in -- --guesses 10000 --addresses 100
 */
import { parseArgs } from 'node:util';
import { newId } from '../src/common/ids';
import { stopThreads } from '../src/common/thread-pool';
import { hashPassword } from '../src/people/passwords';
import { guess, GuessThread, type Statuses } from './guesses';
import { BenchProgram, printTable, quantile, sleep } from './program';

/** Names that exist; as many are tried that do not. */
const USERS = 50;
const ALERT_PAUSE_MS = 5;
const WARM_UP_MS = 15_000;
/** The flood comes in so many parts, and before each and after the last there is none for a while. */
const PARTS = 5;
const QUIET_MS = 10_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      guesses: { type: 'string', default: '10000' },
      addresses: { type: 'string', default: '100' },
      timed: { type: 'string', default: '60' },
    },
  });
  const program = await BenchProgram.start({ MONSCALE_TRUSTED_PROXIES: '127.0.0.1' });
  try {
    await makeUsers(program);
    await timeNames(program, Number(values.timed));
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
async function timeNames(program: BenchProgram, timed: number): Promise<void> {
  const times = { known: [] as number[], unknown: [] as number[] };
  for (let n = 0; n < timed; n++) {
    // Limits would answer instead.
    await program.sql.query('DELETE FROM sign_in_limits');
    for (const [kind, name] of [
      ['known', `user-${n % USERS}`],
      ['unknown', `nobody-${n % USERS}`],
    ] as const) {
      // prettier-ignore
      const from = performance.now();
      const status = await guess(program.url, name, '198.18.255.1');
      if (status !== 401) throw new Error(`a wrong password was answered ${status}`);
      times[kind].push(performance.now() - from);
    }
  }
  const { known, unknown } = times;
  const difference = Math.abs(quantile(known, 0.5) - quantile(unknown, 0.5));
  const noise = Math.max(quartileRange(known), quartileRange(unknown));
  printTable(`${timed} wrong passwords each, one by one, ms`, [
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
  const thread = await GuessThread.start();
  // The first ones warm up code and connections.
  await postAlerts(program, sleep(WARM_UP_MS));
  const hashesBefore = await hashes(program);
  const [without, meanwhile] = [new Posts(program), new Posts(program)];
  const statuses: Statuses = new Map();
  const send = async (from: number, to: number): Promise<void> => {
    const answers = await thread.send({ url: program.url, from, count: to - from, users: USERS, addresses });
    for (const [status, count] of answers) statuses.set(status, (statuses.get(status) ?? 0) + count);
  };
  for (let part = 0; part < PARTS; part++) {
    await without.measure(sleep(QUIET_MS));
    const [from, to] = [part, part + 1].map((n) => Math.floor((n * guesses) / PARTS)) as [number, number];
    await meanwhile.measure(send(from, to));
  }
  await without.measure(sleep(QUIET_MS));
  await thread.stop();
  const made = (await hashes(program)).map((count, n) => count - hashesBefore[n]!);
  const seconds = meanwhile.seconds.toFixed(1);
  printTable(`${guesses} wrong passwords from ${addresses} addresses in ${seconds} s, beside POST /alerts`, [
    ...[...statuses].sort().map(([status, count]) => [`answered ${status}`, count] as const),
    ['hashes on the idle thread', made[0]!],
    ['hashes on the other thread', made[1]!],
    ...without.rows('without'),
    ...meanwhile.rows('meanwhile'),
    ['p99 meanwhile / without', meanwhile.p99 / without.p99],
  ]);
}

/** Alerts posted at times of one kind, and what the program and its servers took at these. */
class Posts {
  private readonly times: number[][] = [];
  private cpuSeconds = 0;
  seconds = 0;

  constructor(private readonly program: BenchProgram) {}

  get p99(): number {
    return quantile(this.times.flat(), 0.99);
  }

  async measure(until: Promise<void>): Promise<void> {
    const [from, cpuFrom] = [performance.now(), this.program.cpuSeconds()];
    this.times.push(await postAlerts(this.program, until));
    this.seconds += (performance.now() - from) / 1000;
    this.cpuSeconds += this.program.cpuSeconds() - cpuFrom;
  }

  rows(when: string): [string, string | number][] {
    const all = this.times.flat();
    return [
      [`POST /alerts ${when}: count`, all.length],
      ...[0.5, 0.9, 0.99, 0.999].map((share): [string, number] => [
        `p${share * 100}, ms`,
        quantile(all, share),
      ]),
      ['p99 of each time, ms', this.times.map((times) => quantile(times, 0.99).toFixed(1)).join(', ')],
      ['CPU, of a core', this.cpuSeconds / this.seconds],
    ];
  }
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

void main();
