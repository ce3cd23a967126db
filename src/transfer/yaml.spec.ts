import { InvalidInput } from '../common/errors';
import { fromYaml } from './yaml';

const refusal = (text: string): string => {
  try {
    fromYaml(text);
  } catch (error) {
    if (error instanceof InvalidInput) return error.errors[0]!.detail;
    throw error;
  }
  return 'taken';
};

describe('YAML that others sent', () => {
  test('keys by the ten thousand are read, and each but once', () => {
    const keys = Array.from({ length: 60_000 }, (_, index) => `a${index}: ${index}`).join('\n');
    expect(Object.keys(fromYaml(keys) as object)).toHaveLength(60_000);
    expect(refusal(`${keys}\na7: 1`)).toBe('is no YAML at line 60001, column 1: Map keys must be unique');
    expect(refusal('b:\n  c: 1\n  d: 2\n  c: 3')).toBe(
      'is no YAML at line 4, column 3: Map keys must be unique',
    );
  });

  test.each([
    ['lists', '['.repeat(100_000), /column 101: is nested deeper than 100$/],
    ['lists that end', `${'['.repeat(5_000)}${']'.repeat(5_000)}`, /nested deeper than 100$/],
    ['objects', `${'{a: '.repeat(2_000)}1${'}'.repeat(2_000)}`, /nested deeper than 100$/],
    [
      'blocks',
      Array.from({ length: 300 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
      /nested deeper than 100$/,
    ],
    ['brackets that end nothing', '}\n'.repeat(300_000), /line 1, column 1: Unexpected }$/],
    [
      'anchors',
      `a: &a [x]\n${'bcdefghi'
        .split('')
        .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[index]}`).join(', ')}]`)
        .join('\n')}`,
      /Excessive alias count/,
    ],
  ])('%s without end are refused', (_, text, why) => {
    expect(refusal(text)).toMatch(why);
  });

  test('brackets in texts are texts', () => {
    expect(fromYaml('a: "}"\nb: |\n  }}]\nc: x}y # ]\nd: [1, {e: "]"}]')).toEqual({
      a: '}',
      b: '}}]\n',
      c: 'x}y',
      d: [1, { e: ']' }],
    });
  });
});
