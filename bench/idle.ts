/**
 * What the whole tree uses when it has nothing to do.
 *
 *     npm run bench idle
 */
import { BenchProgram, printTable, sleep } from './program';

const SECONDS = 30;

async function main(): Promise<void> {
  const program = await BenchProgram.start();
  try {
    await sleep(5_000);
    const before = program.usage();
    await sleep(SECONDS * 1000);
    const after = program.usage();
    const parts = ['program', 'postgres', 'redis'] as const;
    const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
    printTable(`all roles, idle, over ${SECONDS} s`, [
      ['PSS, MB', sum(parts.map((part) => after[part].pssMb))],
      ...parts.map((part) => [`  ${part}`, after[part].pssMb] as const),
      ['CPU, cores', sum(parts.map((part) => (after[part].cpuSeconds - before[part].cpuSeconds) / SECONDS))],
    ]);
  } finally {
    await program.stop();
  }
}

void main();
