/** `npm test`: every check; types or style that are wrong end it. `npm test -- <arguments>`: only jest, with those. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, setUp } from './setup.mjs';

/** It takes minutes; what hangs in spite of all time limits is ended with everything it started. */
const LIMIT_MINUTES = 45;
setTimeout(() => {
  console.error(`monscale: ended, as it has not ended by itself in ${LIMIT_MINUTES} minutes`);
  process.kill(process.pid, 'SIGTERM');
}, LIMIT_MINUTES * 60_000).unref();

await setUp({ forTests: true });
const args = process.argv.slice(2);
/** Each file loads its modules anew, which outlive V8's usual young generation; jest's workers inherit it. */
const YOUNG = '--max-semi-space-size=64';
const jest = (...given) => [process.execPath, YOUNG, 'node_modules/jest/bin/jest.js', ...given];
/** Most spec files that are tried once more; where more fail, it is not for the moment they were run at. */
const UNSTEADY_AT_MOST = 4;
/** Beside the specs, which mostly wait: they take what is left of the machine. */
const beside = ['nice', '-n', '19', 'npm', 'run', '--silent', 'types-and-lint'];

const check = ([command, ...rest], env = {}) =>
  run(command, rest, { stdio: ['ignore', 'inherit', 'inherit'], env: { NODE_ENV: 'test', ...env } });

/**
 * Runs every spec. A few files that failed among the others are tried once more, alone; passing then, they are
 * named as unsteady, with the failure above, and do not fail the run.
 */
async function checkAll() {
  const folder = mkdtempSync(join(tmpdir(), 'monscale-tests-'));
  const list = join(folder, 'failed');
  try {
    const code = await check(jest(), { TEST_FAILED: list });
    const failed =
      code !== 0 && existsSync(list) ? readFileSync(list, 'utf8').split('\n').filter(Boolean) : [];
    if (failed.length === 0 || failed.length > UNSTEADY_AT_MOST) return code;
    console.error(`monscale: ${failed.join(', ')} once more, alone`);
    const again = await check(jest('--runTestsByPath', ...failed));
    if (again === 0)
      console.error(`unsteady, to be mended: ${failed.join(', ')} failed above, and passes alone`);
    return again;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function checkBeside() {
  if ((await check(beside)) === 0) return;
  console.error(`monscale: ${beside.at(-1)} failed`);
  // The specs with it.
  process.kill(process.pid, 'SIGTERM');
}

const [code] = await (args.length > 0
  ? Promise.all([check(jest(...args))])
  : Promise.all([checkAll(), checkBeside()]));
process.exit(code);
