import fc from 'fast-check';
import { HELD_UP_MS, loopDelayMs } from '../../test/loop-delay';
import { type InvalidInput } from './errors';
import { exactJson, exactJsonInTurns, readJson, readJsonInTurns } from './json';

const nested = (depth: number, inner = '1') => '['.repeat(depth) + inner + ']'.repeat(depth);

describe('JSON that others sent', () => {
  test.each([
    ['lists', '['.repeat(1_000_000)],
    ['lists that end', nested(201)],
    ['lists around what no text can hold', nested(100_000, '"\\u0000"')],
    ['objects', '{"a":'.repeat(500_000) + '1' + '}'.repeat(500_000)],
    ['both, after texts with brackets', `["]]]]", ${'[{"a\\"": '.repeat(300)}1${'}]'.repeat(300)}]`],
  ])('%s within each other are refused', (_, text) => {
    expect(() => readJson(text)).toThrow('is nested deeper than 200');
  });

  test('brackets in texts count nothing', () => {
    const text = JSON.stringify(Array(300).fill('[[[[{{{{\\"[[[['));
    expect(readJson(text)).toEqual(JSON.parse(text));
    expect(readJson(nested(200))).toBeDefined();
  });

  test('whatever is not so deep is read as by JSON.parse', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
        const text = JSON.stringify(Array(50).fill(value)).replaceAll('__proto__', 'proto');
        expect(readJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });
});

describe('a mistake in JSON is told by its place, and no part of the text with it', () => {
  const long = `{"padding": "${'x'.repeat(100_000)}", `;
  test.each([
    ['{"name": "x", "params": {"secret": hush-hush-hush}}', 'at position 35'],
    ['{"secret": "hush" hush}', 'at position 18'],
    ['{"secret": "hush\nhush"}', 'at position 16'],
    ['{"secret": "hush-hush', 'at position 21'],
    ['hush-hush', 'near its beginning'],
    [`${long}"secret": hush-hush-hush}`, 'at position 100026'],
    [`${long}"secret": "hush"} hush-hush-hush`, 'at position 100033'],
  ])('%#', async (text, place) => {
    for (const read of [readJsonInTurns, exactJsonInTurns]) {
      const error = (await read(text).catch((refused: unknown) => refused)) as InvalidInput;
      expect(error.errors).toEqual([
        { pointer: '', detail: expect.stringMatching(`^is no JSON: .*${place}`) },
      ]);
      expect(error.message).not.toMatch(/hush|secret/);
    }
  });
});

describe('JSON of any length', () => {
  const filler = JSON.stringify('x'.repeat(70_000));
  const outcomeOf = async (read: () => unknown): Promise<unknown> => {
    try {
      return await read();
    } catch (error) {
      return (error as InvalidInput).errors;
    }
  };

  test.each([
    ['too deep', nested(200)],
    ['as deep as it may be', nested(199)],
    ['what no text can hold', '["\\u0000", {"a\\ud800": 1, "b": ["\\udc00"]}, "\\ud83d\\ude00"]'],
    ['a thousand mistakes', `[${'"\\u0000",'.repeat(999)}1]`],
    ['nothing wrong', '[1, {"a": "b"}]'],
  ])('%s: taken or refused in turns as in one go', async (_, text) => {
    for (const whole of [text, `[${text},${filler}]`, `{"a":${filler},"b":${text}}`]) {
      expect(await outcomeOf(() => exactJsonInTurns(whole))).toEqual(await outcomeOf(() => exactJson(whole)));
      expect(await outcomeOf(() => readJsonInTurns(whole))).toEqual(await outcomeOf(() => readJson(whole)));
    }
  });

  test.each([
    ['empty objects', `[${'{},'.repeat(2_600_000)}"\\u0000"]`],
    ['texts', `[${'"\\u0000",'.repeat(900_000)}1]`],
    [
      'names',
      `[${`{${Array.from({ length: 20_000 }, (_, index) => `"k${index}":1`).join(',')}},`.repeat(30)}"\\ud800"]`,
    ],
    ['lists in lists', `[${`[${'[1],'.repeat(100_000)}[1]],`.repeat(19)}"\\udc00"]`],
  ])('8 MB of %s with what no text can hold hold up nobody', async (_, text) => {
    const delay = await loopDelayMs(async () => {
      await readJsonInTurns(text);
      await expect(exactJsonInTurns(text)).rejects.toThrow('can not be stored');
    });
    expect(delay).toBeLessThan(HELD_UP_MS);
  });
});
