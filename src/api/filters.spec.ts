import * as fc from 'fast-check';
import { labelFilter } from '../console/web/app/label-filter';
import { labelIn, valuesIn } from './filters';

describe('a label in a filter', () => {
  test.each([
    ['team=web', { name: 'team', value: 'web' }],
    ['team=', { name: 'team', value: '' }],
    ['team', { name: 'team' }],
    ['query=a=b', { name: 'query', value: 'a=b' }],
    ['a\\=b=c', { name: 'a=b', value: 'c' }],
    ['a\\=b', { name: 'a=b' }],
    ['path\\to=x', { name: 'path\\to', value: 'x' }],
    ['a\\\\=b', { name: 'a\\', value: 'b' }],
    ['a\\', { name: 'a\\' }],
  ])('%s is %j', (text, label) => {
    expect(labelIn(text)).toEqual(label);
  });

  test('has whatever name and value the console writes into it', () => {
    const odd = fc.constantFrom('=', '\\', ',', '"', ' ', '!', '🙂', 'a');
    const text = fc
      .array(fc.oneof(odd, fc.string({ unit: 'grapheme' })), { maxLength: 8 })
      .map((some) => some.join(''));
    fc.assert(
      fc.property(
        text.filter((name) => name !== ''),
        text,
        (name, value) => {
          const values = valuesIn(labelFilter(name, value));
          expect(values).toHaveLength(1);
          expect(labelIn(values[0]!)).toEqual({ name, value });
        },
      ),
    );
  });
});
