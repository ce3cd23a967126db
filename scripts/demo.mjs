// Starts the demo (`run`), or takes the pictures of the docs in it (`screenshots`, or some of them by name), on what is built now.
import { run, setUp } from './setup.mjs';

await setUp({ forTests: true });
const file = `demo/${process.argv[2] === 'screenshots' ? 'screenshots' : 'run'}.ts`;
process.exit(
  await run(process.execPath, ['-r', '@swc-node/register', file, ...process.argv.slice(3)], {
    stdio: 'inherit',
  }),
);
