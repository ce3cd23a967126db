/** `npm test`: every check; types or style that are wrong end it. `npm test -- <arguments>`: only jest, with those. */
import { run, setUp } from './setup.mjs';

/** It takes minutes; what hangs in spite of all time limits is ended with everything it started. */
const LIMIT_MINUTES = 45;
setTimeout(() => {
  console.error(`monscale: ended, as it has not ended by itself in ${LIMIT_MINUTES} minutes`);
  process.kill(process.pid, 'SIGTERM');
}, LIMIT_MINUTES * 60_000).unref();

await setUp({ forTests: true });
const args = process.argv.slice(2);
const jest = [process.execPath, 'node_modules/jest/bin/jest.js', ...args];
/** Beside the specs, which mostly wait: they take what is left of the machine. */
const beside = [
  ['nice', '-n', '19', 'npm', 'run', '--silent', 'typecheck'],
  ['nice', '-n', '19', 'npm', 'run', '--silent', 'lint'],
];

const check = ([command, ...rest]) =>
  run(command, rest, { stdio: ['ignore', 'inherit', 'inherit'], env: { NODE_ENV: 'test' } });

async function checkBeside() {
  for (const one of beside) {
    if ((await check(one)) === 0) continue;
    console.error(`monscale: ${one.at(-1)} failed`);
    // The specs with it.
    process.kill(process.pid, 'SIGTERM');
  }
}

const [code] = await Promise.all([check(jest), args.length > 0 ? undefined : checkBeside()]);
process.exit(code);
