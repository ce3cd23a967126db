import fc from 'fast-check';
import { parse } from 'secure-json-parse';
import { HELD_UP_MS, loopDelayMs } from '../../test/loop-delay';
import { parseInTurns } from './json-in-turns';

/** As whoever calls it sees it. */
const whole = (text: string): unknown => {
  try {
    return { value: parse(text) as unknown };
  } catch {
    return 'refused';
  }
};
const inTurns = async (text: string): Promise<unknown> => {
  try {
    return { value: await parseInTurns(text) };
  } catch (error) {
    expect(error).toBeInstanceOf(SyntaxError);
    return 'refused';
  }
};

const pad = (characters: number) => JSON.stringify('x'.repeat(characters));
const LONG = `[${pad(70_000)}, 1]`;
const MANY = Array.from({ length: 9_000 }, (_, index) => `{"name":"n${index}"}`).join(' , ');

test('it is what the engine makes of it, and what the engine refuses is refused', async () => {
  const json = fc.jsonValue({ maxDepth: 6 });
  const pieces = fc.oneof(
    json.map((value) => JSON.stringify(value)),
    fc.constantFrom(
      LONG,
      `{"a" : ${LONG}}`,
      MANY,
      `[${MANY}]`,
      pad(66_000),
      '',
      ' ',
      ',',
      '}',
      ']',
      '{',
      '"',
      '\\',
      ':',
      'tru',
    ),
    fc.string().map((text) => JSON.stringify(`${text}"\\,]}{[`)),
  );
  const structures = fc
    .array(pieces, { maxLength: 5 })
    .chain((some) =>
      fc.constantFrom(
        `[${[LONG, ...some].join(',')}]`,
        `[${[...some, LONG].join(' ,\n')} ]`,
        `{${[`"long":${LONG}`, ...some.map((one, index) => `"k${index % 3}":${one}`), ` "__z" : ${LONG} `].join(',')}}`,
        `{"a":[${some.join(',')}${some.length === 0 ? '' : ','}${MANY}],"b":${some[0] ?? LONG}}`,
        `${some.join('')}${LONG}${some.join('')}`,
        some.join('').padEnd(70_000),
      ),
    );
  await fc.assert(
    fc.asyncProperty(structures, async (text) => {
      expect(await inTurns(text)).toEqual(whole(text));
    }),
    { numRuns: 300 },
  );
}, 60_000);

test.each([
  `{"a":${LONG},"a":1}`,
  `{"a":1,"a":${LONG}}`,
  `{"__proto__":${LONG}}`,
  `{"x":${LONG},"__proto__":1}`,
  `{"constructor":{"prototype":${LONG}}}`,
  `{"constructor":{"prototype":1},"x":${LONG}}`,
  `[${LONG} ${LONG}]`,
  `[${LONG},]`,
  `[,${LONG}]`,
  `[${LONG}`,
  `${LONG}]`,
  `{"a" ${LONG}}`,
  `{"a":"b",${LONG}}`,
  `[${MANY},]`,
  `[${MANY},,1]`,
  `[${MANY} 1]`,
  `{${MANY}}`,
  `{"a":{${LONG}}}`,
  `[${pad(80_000)}`,
  '"'.repeat(80_001),
  `${' '.repeat(70_000)}[]`,
  `[${' '.repeat(70_000)}]`,
  `{${' '.repeat(70_000)}}`,
  `[[]${' '.repeat(70_000)}]`,
  '1'.repeat(70_000),
  `1 [${LONG}]`,
])('case %#: taken, or refused, as by the engine', async (text) => {
  expect(await inTurns(text)).toEqual(whole(text));
});

test('a name that reaches a prototype is a name like others, where the engine is asked itself', async () => {
  for (const text of [`{"__proto__":${LONG}}`, `{"__proto__":{"a":1},"b":${LONG}}`]) {
    const value = (await parseInTurns(text, JSON.parse)) as object;
    expect(value).toEqual(JSON.parse(text));
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value)).toContain('__proto__');
  }
});

test('a mistake is told by its place in the whole', async () => {
  const text = `[${LONG}, {"a" 1}]`;
  await expect(parseInTurns(text)).rejects.toThrow(`position ${text.indexOf(' 1}') + 1}`);
});

test('what is nested beyond reason is refused soon', async () => {
  const deep = `${'['.repeat(4_000_000)}${']'.repeat(4_000_000)}`;
  await expect(parseInTurns(deep)).rejects.toThrow('nested deeper than 200');
});

const named = (count: number) =>
  `{${Array.from({ length: count }, (_, index) => `"k${index}":1`).join(',')}}`;

test('an object with more names than anybody lists in a moment is refused soon', async () => {
  expect(await parseInTurns(named(20_000))).toEqual(JSON.parse(named(20_000)));
  for (const text of [
    named(20_001),
    `[1,${named(600_000)}]`,
    `{"a":${named(100_000)},"b":"${'x'.repeat(70_000)}"}`,
  ])
    await expect(parseInTurns(text)).rejects.toThrow('has an object of more than 20000 names');
});

test.each([
  ['empty objects', `[${'{},'.repeat(2_700_000)}{}]`],
  ['numbers', `[${'1,'.repeat(4_000_000)}1]`],
  ['names', `[${Array(40).fill(named(19_000)).join(',')}]`],
  ['lists in lists', `[${`[${'[1],'.repeat(100_000)}[1]],`.repeat(19)}[1]]`],
])('8 MB of %s hold up nobody', async (_, text) => {
  const delay = await loopDelayMs(() => parseInTurns(text));
  expect(delay).toBeLessThan(HELD_UP_MS);
});
