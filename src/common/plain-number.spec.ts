import fc from 'fast-check';
import { plainNumber } from './plain-number';

test.each([
  ['12', 12],
  [' 12 ', 12],
  ['\t12\n', 12],
  ['+5', 5],
  ['-0.5', -0.5],
  ['.5', 0.5],
  ['5.', 5],
  ['007', 7],
  ['1e3', 1000],
  ['2.5E-3', 0.0025],
  ['18446744073709551615', 18446744073709552000],
])('%j is a number', (text, number) => expect(plainNumber(text)).toBe(number));

test.each([
  '', ' ', '.', '-', '+', 'e5', '1e', '1e+', '--1', '+-1', '1-', '1 2', '1.2.3', '1,5', '1,234.5', '1.234,5', "1'234", '1 234.5',
  '1_000', '85%', '85.13 %', '1.23 GB', '5m', '10ms', '$5', '5 €', '0x1F', '0b11', '0o7', '1n', '1f', '12abc', 'NaN', 'nan',
  'Infinity', '-Infinity', '+Inf', 'inf', '1e400', '-1e400', '9'.repeat(400), 'true', 'null', '١٢', '１２', '−5', '1/2', '1:30', '2024-01-01',
])('%j is none', (text) => {
  expect(plainNumber(text)).toBeUndefined();
}); // prettier-ignore

test('every number that is written out is read as it is', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
      expect(plainNumber(String(number))).toBe(number === 0 ? 0 : number);
    }),
  );
});

test('what is read is the whole text, never a part of it', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'0123456789.,eE+-%x_ GB') }), (text) => {
      const number = plainNumber(text);
      if (number !== undefined) expect(number).toBe(Number(text.trim()));
      if (/[,%x_GB]|\d\s+\S/.test(text.trim())) expect(number).toBeUndefined();
    }),
  );
});
