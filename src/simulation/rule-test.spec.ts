import { check } from '../common/check';
import { RuleTestDto } from './rule-test';

const errorsOf = (series: object) =>
  check(RuleTestDto, { name: 'a', service: 'b', series, triggers: [] }).errors;

describe('the series of a test', () => {
  test('are bounded together', () => {
    expect(errorsOf({ a: '0x499999', b: '0+1x499999' })).toEqual([]);
    expect(errorsOf({ a: '0x499999', b: '0x499999', c: '1' })).toEqual([
      { pointer: '/series/c', detail: 'makes more than 1000000 values with those before it' },
    ]);
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`m${index}`, '_x1000000']));
    expect(errorsOf(many)).toHaveLength(99);
  });

  test.each(['0+1x1000000000', '_x999999999999', '0x999999 1x999999'])(
    '%s is refused before it is made',
    (notation) => {
      expect(errorsOf({ a: notation })).toEqual([
        { pointer: '/series/a', detail: expect.stringContaining('makes more than 1000000 values') },
      ]);
    },
  );
});
