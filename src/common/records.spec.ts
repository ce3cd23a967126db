import { mapValues, put } from './records';

test('values are mapped by name, whatever the names are', () => {
  const nasty = JSON.parse('{"a": 1, "__proto__": 2, "constructor": 3, "7": 4}') as Record<string, number>;
  const mapped = mapValues(nasty, (value, name) => `${name}=${value}`);
  expect(Object.entries(mapped)).toEqual([
    ['7', '7=4'],
    ['a', 'a=1'],
    ['__proto__', '__proto__=2'],
    ['constructor', 'constructor=3'],
  ]);
  expect(Object.getPrototypeOf(mapped)).toBe(Object.prototype);
  put(mapped, '__proto__', 'again');
  expect(Object.getOwnPropertyDescriptor(mapped, '__proto__')!.value).toBe('again');
});
