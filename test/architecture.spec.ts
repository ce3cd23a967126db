import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const SRC = resolve(__dirname, '../src');
/** The console's page, which runs in browsers. */
const WEB = 'console/web/';

/**
 * Who may import whom. The line runs metrics and alerts -> rules -> actions; rooms on it never import the next one:
 * they meet in `queue` and in the tables.
 */
const MAY_IMPORT: Record<string, string[]> = {
  config: [],
  common: ['config'],
  database: ['common', 'config'],
  embedded: ['common'],
  queue: ['common', 'config'],
  'kill-switch': ['auth', 'common', 'config', 'database'],
  auth: ['common', 'config', 'database'],
  // Users, their passwords, sessions and rights.
  people: ['api', 'auth', 'common', 'config', 'database', 'targets'],
  api: ['common', 'database'],
  audit: ['api', 'auth', 'common', 'config', 'database'],
  // Addresses of names.
  names: ['common'],
  // What speaks to targets, for all who ask or change them.
  targets: ['common', 'names'],
  // The protocol, for those who ask agents and those who hear notifications.
  snmp: ['common', 'database', 'targets'],
  // Where numbers come from, and who reads them when.
  metrics: ['common', 'config', 'database', 'names', 'queue', 'snmp', 'targets'],
  polling: ['auth', 'common', 'database', 'metrics', 'queue', 'snmp'],
  alerts: ['api', 'auth', 'common', 'config', 'database', 'queue', 'snmp'],
  traps: ['alerts', 'api', 'auth', 'common', 'config', 'database', 'snmp'],
  actions: ['api', 'auth', 'common', 'config', 'database', 'kill-switch', 'queue', 'targets'],
  'load-balancers': ['common', 'config', 'database', 'kill-switch', 'metrics', 'polling', 'queue', 'targets'],
  infrastructures: ['api', 'auth', 'common', 'database', 'kill-switch', 'load-balancers', 'metrics'],
  engine: [],
  policies: ['common', 'engine'],
  // Silences: when they mute what.
  silences: ['api', 'auth', 'common', 'database', 'engine', 'infrastructures', 'queue', 'services'],
  // Who is told of what happens: found in the tables of the others.
  contacts: ['actions', 'api', 'auth', 'common', 'database', 'engine', 'queue', 'silences'],
  history: ['api', 'common', 'config', 'database', 'engine'],
  services: ['actions', 'api', 'auth', 'common', 'database', 'engine', 'history', 'infrastructures', 'metrics', 'policies', 'queue'],
  rules: ['alerts', 'api', 'auth', 'common', 'config', 'database', 'engine', 'history', 'infrastructures', 'metrics', 'policies', 'polling', 'queue', 'services', 'silences'],
  // The engine over another clock: what a rule would do, or would have done.
  simulation: ['api', 'auth', 'common', 'database', 'engine', 'history', 'infrastructures', 'rules', 'services', 'silences'],
  // What changes, told as it changes.
  events: ['api', 'auth', 'common', 'config', 'database', 'silences'],
  catalogue: ['actions', 'alerts', 'auth', 'common', 'engine', 'load-balancers', 'metrics', 'policies'],
  transfer: ['actions', 'alerts', 'api', 'auth', 'common', 'contacts', 'database', 'infrastructures', 'metrics', 'services'],
  // Rules kept in a folder, applied as they change.
  'rules-directory': ['api', 'auth', 'common', 'config', 'database', 'transfer'],
  cli: ['common', 'config', 'database', 'embedded', 'queue', 'rules', 'simulation', 'transfer'],
  'process-group': ['common', 'config'],
  // Serves the page; what is in `web` runs in browsers.
  console: ['auth', 'common'],
  health: ['alerts', 'auth', 'common', 'config', 'database', 'metrics', 'polling', 'process-group', 'queue', 'rules', 'traps'],
}; // prettier-ignore

/** The program puts the rooms together and may import them all. */
const PROGRAM = new Set([
  ...['main.ts', 'program.ts', 'app.ts', 'app.module.ts'],
  ...['api.role.ts', 'scheduler.role.ts', 'worker.role.ts', 'trap.role.ts', 'role-parts.ts'],
]);

interface Import {
  file: string;
  from: string;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.endsWith('.spec.ts') && !PROGRAM.has(file) && !file.startsWith(WEB),
);

function importsOf(file: string): Import[] {
  const text = readFileSync(join(SRC, file), 'utf8');
  return [...text.matchAll(/(?:\bfrom\s+|\bimport\s+|\brequire\()'([^'\n]+)'/g)].map(([, from]) => ({
    file,
    from: from!,
  }));
}

const roomOf = (file: string): string => file.split('/')[0]!;

const imports = files.flatMap(importsOf);
const own = imports
  .filter(({ from }) => from.startsWith('.'))
  .map(({ file, from }) => ({ file, to: relative(SRC, resolve(SRC, dirname(file), from)) }));

test('every folder of src is a room of the table', () => {
  expect(files.map(roomOf).filter((room) => !(room in MAY_IMPORT))).toEqual([]);
});

test('rooms import only those that the table lets them', () => {
  const forbidden = own.filter(({ file, to }) => {
    if (to.startsWith('..')) return !(roomOf(file) === 'database' && to.startsWith('../migrations/'));
    return roomOf(to) !== roomOf(file) && !MAY_IMPORT[roomOf(file)]?.includes(roomOf(to));
  });
  expect(forbidden).toEqual([]);
});

test('no two rooms import each other', () => {
  const pairs = new Set(own.map(({ file, to }) => `${roomOf(file)} -> ${roomOf(to)}`));
  const circles = [...pairs].filter((pair) => {
    const [from, to] = pair.split(' -> ');
    return from !== to && pairs.has(`${to} -> ${from}`);
  });
  expect(circles).toEqual([]);
});

test('no files import each other in a circle', () => {
  const targets = new Map(files.map((file) => [file, new Set<string>()]));
  for (const { file, to } of own)
    for (const one of [`${to}.ts`, `${to}/index.ts`]) if (targets.has(one)) targets.get(file)!.add(one);
  // Whoever imports nothing that is left is in no circle, and is left out.
  for (let before = -1; before !== targets.size;) {
    before = targets.size;
    for (const [file, imported] of targets)
      if (![...imported].some((one) => targets.has(one))) targets.delete(file);
  }
  const isImported = (file: string) => [...targets.values()].some((imported) => imported.has(file));
  expect([...targets.keys()].filter(isImported)).toEqual([]);
});

test('the engine imports nothing but the CEL library', () => {
  const foreign = imports.filter(({ file, from }) => roomOf(file) === 'engine' && !from.startsWith('./'));
  expect([...new Set(foreign.map(({ from }) => from))]).toEqual(['@marcbachmann/cel-js']);
});

/** Ways to the machine's own clock, in our code or in a library's that is handed no time. */
const READS_CLOCK = [
  /new Date\(\s*(undefined)?\s*\)|(?<![\w.])Date\(\)|Date\s*(\.|\[')now|Temporal\.Now|timeOrigin|process\.hrtime/,
  /uuidv?[17]\(\)|\bv[17]\(\)/,
];
const READERS = [
  // PostgreSQL's time, and how far this machine's is off.
  'common/clock.ts',
];

test('only the clock reads the clock', () => {
  const readers = files.filter((file) => {
    const text = readFileSync(join(SRC, file), 'utf8');
    return READS_CLOCK.some((way) => way.test(text));
  });
  expect(readers).toEqual(READERS);
});

test('nobody goes by the clock of the machine', () => {
  const users = files.filter((file) => readFileSync(join(SRC, file), 'utf8').includes('systemClock'));
  expect(users).toEqual(['common/clock.ts']);
});

test('leases of executions begin and end by the clock of PostgreSQL alone', () => {
  const given = files.filter((file) =>
    /lease_until\s*[<>]=?\s*\$\d|SET ((?!WHERE)[^;`])*lease_until = \$\d/.test(
      readFileSync(join(SRC, file), 'utf8'),
    ),
  );
  expect(given).toEqual([]);
});

test('only names asks the DNS: what else did would wait for all others', () => {
  const askers = imports.filter(
    ({ file, from }) => /^(node:)?dns(\/promises)?$/.test(from) && roomOf(file) !== 'names',
  );
  // Of types alone.
  expect(askers.map(({ file }) => file)).toEqual(['targets/address-guard.ts']);
});

test('only the configuration, the command line, the migration command and secrets by reference read the environment', () => {
  const readers = files.filter((file) => readFileSync(join(SRC, file), 'utf8').includes('process.env'));
  expect(readers.filter((file) => roomOf(file) !== 'embedded').sort()).toEqual([
    'cli/main.ts',
    'common/secrets.ts',
    'config/config.ts',
    'database/data-source.ts',
  ]);
});

test('the page of the console imports packages, itself, and of the rooms the engine alone', () => {
  const page = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.startsWith(WEB) && /\.tsx?$/.test(file),
  );
  const foreign = page
    .flatMap(importsOf)
    .filter(({ from }) => from.startsWith('.'))
    .map(({ file, from }) => ({ file, to: relative(SRC, resolve(SRC, dirname(file), from)) }))
    .filter(({ to }) => !to.startsWith(WEB) && !to.startsWith('engine/'));
  expect(page.length).toBeGreaterThan(0);
  expect(foreign).toEqual([]);
});

test('of the page one file alone reads the clock', () => {
  const readers = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
    (file) =>
      file.startsWith(WEB) &&
      /\.tsx?$/.test(file) &&
      READS_CLOCK.some((way) => way.test(readFileSync(join(SRC, file), 'utf8'))),
  );
  expect(readers).toEqual([`${WEB}app/clock.ts`]);
});
