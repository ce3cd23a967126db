/**
 * What memory goes to: of each process the kinds of its pages, and of V8's heaps their spaces. Idle, after many new
 * alerts by POST, and some time after these.
 *
 *     npm run bench memory -- --alerts 700000 --processes 2 --after 60
 */
import { parseArgs } from 'node:util';
import { figureIn } from './peers';
import { pagesOf, type Pages } from './pages';
import { BenchProgram, printTable, sleep } from './program';
import { postByWrk, type Posts } from './wrk';

const WORK: Posts = { batch: 100, mode: 'uniq', seconds: 4 };
/** Keys of a run. */
const KEYS_A_RUN = 10_000_000;
const IDLE_SECONDS = 30;
const SPACES = ['new', 'old', 'code', 'large_object', 'new_large_object'];
const MB = 1024 * 1024;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      alerts: { type: 'string', default: '700000' },
      processes: { type: 'string', default: '2' },
      after: { type: 'string', default: '60' },
    },
  });
  const program = await BenchProgram.start({ MONSCALE_API_PROCESSES: values.processes });
  try {
    const { token } = await program.post<{ token: string }>('/api/v1/sources', {
      name: 'sender',
      format: 'alertmanager',
    });
    await sleep(IDLE_SECONDS * 1000);
    await show(program, `idle, after ${IDLE_SECONDS} s`);
    const [spentBefore, before] = [program.cpuSeconds(), program.usage()];
    let posted = 0;
    for (let run = 0; posted < Number(values.alerts); run++) {
      const line = postByWrk(program.url, token, { ...WORK, after: run * KEYS_A_RUN });
      posted += (figureIn(line, 'req') ?? NaN) * WORK.batch;
    }
    const [spent, now] = [program.cpuSeconds() - spentBefore, program.usage()];
    const us = (part: keyof typeof now): number =>
      (1e6 * (now[part].cpuSeconds - before[part].cpuSeconds)) / posted;
    await show(program, `after ${posted} new alerts`);
    printTable('CPU an alert, us', [
      ['all', (1e6 * spent) / posted],
      ['program', us('program')],
      ['PostgreSQL', us('postgres')],
    ]);
    await sleep(Number(values.after) * 1000);
    await show(program, `${values.after} s later`);
  } finally {
    await program.stop();
  }
}

async function show(program: BenchProgram, when: string): Promise<void> {
  const { rows } = await program.sql.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
  );
  const spaces: [string, number][] = [];
  for (const space of SPACES) {
    const of = (what: string) =>
      program.metric(`nodejs_heap_space_size_${what}_bytes`, `space="${space}"`).then((bytes) => bytes / MB);
    spaces.push([`V8's ${space} space: size`, await of('total')], ['  of it in use', await of('used')]);
  }
  const external = (await program.metric('nodejs_external_memory_bytes')) / MB;
  const processes = Object.values(program.roots()).flat().flatMap(pagesOf);
  printTable(`${when}: PSS, MB`, [
    ['all', processes.reduce((sum, { pssMb }) => sum + pssMb, 0)],
    ...byName(processes).map(([name, text]) => [name, text] as const),
    ['connections to PostgreSQL', rows[0]!.count],
    ...spaces,
    ['outside of the heaps, told by V8', external],
  ]);
}

/** Processes of one name are one line. */
function byName(processes: readonly Pages[]): [string, string][] {
  const names = [...new Set(processes.map(({ name }) => name))];
  return names.map((name) => {
    const same = processes.filter((one) => one.name === name);
    const sum = (of: (one: Pages) => number): string =>
      same.reduce((all, one) => all + of(one), 0).toFixed(1);
    const kinds = [...new Set(same.flatMap(({ kinds }) => [...kinds.keys()]))];
    const texts = kinds.map((kind) => `${kind} ${sum(({ kinds }) => kinds.get(kind) ?? 0)}`);
    return [`${name} x ${same.length}`, `${sum(({ pssMb }) => pssMb)}: ${texts.join(', ')}`];
  });
}

void main();
