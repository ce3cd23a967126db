// Runs one benchmark of bench/: npm run bench poll -- --services 1000
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, setUp } from './setup.mjs';

const [name, ...args] = process.argv.slice(2);
const file = join(root, 'bench', `${name}.ts`);
if (!name || !existsSync(file)) {
  const helpers = [
    'breaches',
    'crowd',
    'guesses',
    'pages',
    'peers',
    'processes',
    'program',
    'scaling-fit',
    'scaling-points',
    'scaling-report',
    'scaling-roll-ups',
    'scaling-run',
    'sink',
    'wrk',
  ];
  const names = readdirSync(join(root, 'bench')).map((entry) => entry.replace(/\.ts$/, ''));
  console.error(
    `usage: npm run bench <${names.filter((entry) => !helpers.includes(entry)).join(' | ')}> -- [options]`,
  );
  process.exit(1);
}
await setUp({ forTests: true });
spawn(process.execPath, ['-r', '@swc-node/register', file, ...args], { stdio: 'inherit', cwd: root }).on(
  'exit',
  (code) => process.exit(code ?? 1),
);
