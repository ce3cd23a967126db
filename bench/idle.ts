/**
 * What the whole tree uses when it has nothing to do.
 *
 *     npm run bench idle
 */
import { BenchProgram, printTable, sleep } from './program';

const SECONDS = 30;
/** Time in which the start ends, seconds: the memory that it took is given back once the program has been quiet for a while. */
const SETTLING_SECONDS = 20;

async function main(): Promise<void> {
  const program = await BenchProgram.start();
  try {
    await sleep(SETTLING_SECONDS * 1000);
    const before = program.usage();
    await sleep(SECONDS * 1000);
    const after = program.usage();
    const parts = ['program', 'postgres', 'redis'] as const;
    const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
    const cores = (part: (typeof parts)[number]) =>
      (after[part].cpuSeconds - before[part].cpuSeconds) / SECONDS;
    printTable(`all roles, idle, over ${SECONDS} s`, [
      ['PSS, MB', sum(parts.map((part) => after[part].pssMb))],
      ...parts.map((part) => [`  ${part}`, after[part].pssMb] as const),
      ['CPU, cores', sum(parts.map(cores))],
      ...parts.map((part) => [`  ${part}`, cores(part)] as const),
    ]);
  } finally {
    await program.stop();
  }
}

void main();
