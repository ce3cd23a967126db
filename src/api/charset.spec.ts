import { charsetOf, inUtf8, requireKnownCharset, textOf } from './charset';

const LATIN = Buffer.from('{"a":"Tür"}', 'latin1');

test.each([
  [undefined, undefined],
  ['application/json', undefined],
  ['application/json; charset=utf-8', undefined],
  ['application/json;charset="UTF8"', undefined],
  ['text/plain; charset=us-ascii', undefined],
  ['application/json; charset=', undefined],
  ['application/json; Charset = "ISO-8859-1"; x=y', 'ISO-8859-1'],
  ['multipart/form-data; boundary=charset', undefined],
])('%s declares %s', (type, charset) => {
  expect(charsetOf(type)).toBe(charset);
});

test.each([
  ['iso-8859-1', LATIN],
  ['windows-1252', LATIN],
  ['utf-16le', Buffer.from('\ufeff{"a":"Tür"}', 'utf16le')],
  ['utf-8', Buffer.from('\ufeff{"a":"Tür"}')],
])('a text in %s is read as it was written', (charset, body) => {
  const type = `application/json; charset=${charset}`;
  expect(textOf(body, type)).toBe('{"a":"Tür"}');
  expect(JSON.parse(inUtf8(body, type).toString().replace('\ufeff', ''))).toEqual({ a: 'Tür' });
});

test('a text that is not in its charset is refused, not kept with other letters', () => {
  expect(() => textOf(LATIN, 'application/json')).toThrow('is no UTF-8');
  expect(() => textOf(LATIN.subarray(0, 9), 'application/json; charset=utf-16le')).toThrow(
    'is not in its charset',
  );
});

test.each(['utf-7', 'nonsense', '__proto__', 'x'.repeat(1_000)])('%s is told to be unknown', (charset) => {
  const type = `application/json; charset=${charset}`;
  for (const read of [() => textOf(LATIN, type), () => inUtf8(LATIN, type), () => requireKnownCharset(type)])
    expect(read).toThrow(/^the charset ".{1,50}" is not known/);
});
