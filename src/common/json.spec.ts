import fc from 'fast-check';
import { readJson } from './json';

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
