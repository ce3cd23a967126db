import type { Command } from 'commander';
import { InvalidInput } from '../../common/errors';

/** Adds `monscale test`, which runs rules on scenarios with expected results. Needs no server. */
export function addTest(program: Command): void {
  program
    .command('test')
    .description('run tests of rules: no server is needed, nothing is written and nothing acts')
    .argument('<files...>', 'test files, like rules.test.yaml')
    .action(async (files: string[]) => {
      // Only here: the other commands need none of the program's rooms, and start sooner without them.
      const { runTestFile } = await import('../rule-tests.js');
      let passed = 0;
      let failed = 0;
      for (const file of files) {
        const results = await runTestFile(file).catch((error: unknown) => {
          throw inFile(file, error);
        });
        console.log(file);
        for (const { name, service, differences } of results) {
          const isPassed = differences.length === 0;
          if (isPassed) passed++;
          else failed++;
          console.log(`  ${isPassed ? '✓' : '✗'} ${service}: ${name}`);
          for (const line of differences) console.log(`      ${line}`);
        }
      }
      console.log(`\n${passed} passed, ${failed} failed`);
      if (failed > 0) process.exitCode = 1;
    });
}

function inFile(file: string, error: unknown): unknown {
  if (!(error instanceof InvalidInput)) return error;
  return new InvalidInput(
    error.errors.map(({ pointer, detail }) => ({ pointer: `${file} ${pointer}`, detail })),
  );
}
