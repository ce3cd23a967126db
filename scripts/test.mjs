/** `npm test`: every check, up to the first that fails. `npm test -- <arguments>`: only jest, with those. */
import { run, setUp } from './setup.mjs';

/** It takes minutes; what hangs in spite of all time limits is ended with everything it started. */
const LIMIT_MINUTES = 45;
setTimeout(() => {
  console.error(`monscale: ended, as it has not ended by itself in ${LIMIT_MINUTES} minutes`);
  process.kill(process.pid, 'SIGTERM');
}, LIMIT_MINUTES * 60_000).unref();

await setUp({ forTests: true });
const args = process.argv.slice(2);
const checks = [
  ['npm', 'run', '--silent', 'typecheck'],
  ['npm', 'run', '--silent', 'lint'],
];
const jest = [process.execPath, 'node_modules/jest/bin/jest.js', ...args];
for (const [command, ...rest] of args.length > 0 ? [jest] : [...checks, jest]) {
  const code = await run(command, rest, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { NODE_ENV: 'test' },
  });
  if (code !== 0) process.exit(code);
}
