import { parseEnv } from 'node:util';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { variableDocs } from '../../test/variable-docs';
import { readConfig } from './config';
import { CLI_VARIABLES, isUnknown, VARIABLES } from './variables';

const SOURCE = resolve(__dirname, 'config.ts');

test.each(variableDocs())(
  '$path is what the table of variables says (npm run docs:variables)',
  ({ before, after }) => {
    expect(before).toBe(after);
  },
);

test('every variable of the table is read by the parser', () => {
  const source = readFileSync(SOURCE, 'utf8');
  const read = new Set(
    [...source.matchAll(/from\.(?!refuse)\w+\(\s*'([A-Z0-9_]+)'/g)].map(([, name]) => name!),
  );
  expect([...read].sort()).toEqual(VARIABLES.map(({ name }) => name).sort());
});

test('no variable stands twice', () => {
  const names = [...VARIABLES, ...CLI_VARIABLES].map(({ name }) => name);
  expect(names).toEqual([...new Set(names)]);
});

test('the defaults that are shown are those of the parser', () => {
  const shown = VARIABLES.filter(({ example }) => example === undefined);
  expect(shown.length).toBeGreaterThan(12);
  const env = Object.fromEntries(shown.map(({ name, default: standard }) => [name, standard]));
  expect(readConfig(env)).toEqual(readConfig({}));
});

test('.env.example is good as it is, and with every line that is commented out', () => {
  const { after } = variableDocs()[0]!;
  expect(readConfig(parseEnv(after) as NodeJS.ProcessEnv)).toEqual(readConfig({}));
  const all = parseEnv(after.replace(/^#(?=[A-Z_0-9]+=)/gm, '')) as NodeJS.ProcessEnv;
  expect(Object.keys(all).sort()).toEqual(VARIABLES.map(({ name }) => name).sort());
  expect(readConfig(all).unknownVariables).toEqual([]);
});

test.each([
  ['MONSCALE_ROEL', true],
  ['MONSCALE_', true],
  ['MONSCALE_DATABASE_URL', true],
  ['MONSCALE_ROLE', false],
  ['MONSCALE_TOKEN', false],
  ['MONSCALE_PARAM_ANYTHING', false],
  ['DATABASE_URL', false],
  ['PATH', false],
])('%s is unknown: %s', (name, expected) => {
  expect(isUnknown(name)).toBe(expected);
});
