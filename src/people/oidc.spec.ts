import fc from 'fast-check';
import type { OidcConfig } from '../config/config';
import { accountOf, pathProblem } from './oidc';

const OIDC: OidcConfig = {
  issuer: 'https://idp.example',
  clientId: 'monscale',
  scopes: 'openid',
  groupsClaim: 'groups',
  roleSource: 'idp',
};
const account = (claims: object) => accountOf({ iss: 'https://idp.example', sub: 'one', ...claims }, OIDC);

test('paths of ours are taken, with query and fragment', () => {
  for (const path of ['/', '/services', '/services?label=team%3Dweb#first', '/a//b', '/:x', '/@evil.example'])
    expect(pathProblem(path)).toBeUndefined();
});

test('a path that is taken leads to us, whatever it is', () => {
  const parts = fc.constantFrom(
    '/',
    '\\',
    '\t',
    '\n',
    ':',
    '@',
    '.',
    'evil.example',
    'https:',
    '%2f',
    '?',
    '#',
    ' ',
    '\u3002',
    'ä',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(parts).map((all) => all.join('')),
        fc.string(),
        fc.webUrl(),
      ),
      (text) => {
        for (const path of [text, `/${text}`])
          if (pathProblem(path) === undefined)
            for (const base of ['https://monscale.example', 'http://localhost:8080/login?x'])
              expect(new URL(path, base).origin).toBe(new URL(base).origin);
      },
    ),
    { numRuns: 1_000 },
  );
});

test.each([
  [
    ['ops', 'dev', 'ops'],
    ['ops', 'dev'],
  ],
  ['ops', ['ops']],
  ['', []],
  [undefined, []],
  [null, []],
  [{ ops: true }, []],
  [7, []],
  [['ops', 7, null, '', ['dev'], 'x'.repeat(201), 'a\0b'], ['ops']],
  [Array.from({ length: 600 }, (_, n) => `g${n}`), Array.from({ length: 500 }, (_, n) => `g${n}`)],
])('groups %j are %j', (groups, expected) => expect(account({ groups }).groups).toEqual(expected));

test('claims are never taken from what every object has', () => {
  expect(accountOf({ iss: 'x', sub: 'one' }, { ...OIDC, groupsClaim: '__proto__' }).groups).toEqual([]);
  expect(accountOf({ iss: 'x', sub: 'one' }, { ...OIDC, groupsClaim: 'constructor' }).groups).toEqual([]);
});

test('names are what fits, the best first', () => {
  expect(account({ preferred_username: 'anna', name: 'Anna A.', nickname: 7, email: ['x'] })).toMatchObject({
    names: ['anna', 'Anna A.'],
    displayName: 'Anna A.',
    email: undefined,
  });
  expect(account({ preferred_username: 'x'.repeat(201), name: 'a\0b' }).names).toEqual([]);
});

test.each(['', 'x'.repeat(256), 'a\0b'])('a subject such as %j is none', (sub) => {
  expect(() => account({ sub })).toThrow('names a subject');
});
