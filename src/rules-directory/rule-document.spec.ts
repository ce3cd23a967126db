import { stopThreads } from '../common/thread-pool';
import { documentOf, mistakesOf, mistakeText } from './rule-document';
import places from './places.thread';

afterAll(stopThreads);

const FILES = [
  { path: 'a.yaml', text: 'monscale: 1\nactions:\n  - name: tell\n' },
  { path: 'b#/c.yaml', text: 'services:\n  - name: web\n    metrics:\n      m/n: {}\n' },
];

test('files are one document, and each error says in which of them it stands', async () => {
  const { entries, errors } = await documentOf(FILES);
  expect(errors).toEqual([]);
  expect(entries.actions.map(({ pointer, name }) => [pointer, name])).toEqual([
    ['a.yaml#/actions/0', 'tell'],
  ]);
  const error = entries.services[0]!.place({ pointer: '/metrics/m~1n', detail: 'is wrong' });
  expect(error.pointer).toBe('b#/c.yaml#/services/0/metrics/m~1n');
});

test.each([
  ['a: [', /^is no YAML at line 1/],
  ['', /^must be an object/],
  ['- 1', /^must be an object/],
  ['monscale: 1\nrules: []\n', /^is not a known field/],
  ['monscale: 2\n', /^must be 1/],
])('%j is a mistake of its file', async (text, detail) => {
  const { errors } = await documentOf([...FILES, { path: 'bad.yaml', text }]);
  expect(errors).toHaveLength(1);
  expect(errors[0]!.pointer).toMatch(/^bad\.yaml#/);
  expect(errors[0]!.detail).toMatch(detail);
});

test('an error of YAML names its line', async () => {
  const files = [{ path: 'bad.yaml', text: 'services:\n  - name: web\n    name: jobs\n' }];
  const { errors } = await documentOf(files);
  const [mistake] = await mistakesOf(errors, files);
  expect(mistake).toMatchObject({ file: 'bad.yaml', line: 3, pointer: '' });
  expect(mistakeText(mistake!)).toMatch(/^bad\.yaml:3: is no YAML at line 3/);
});

test('lines of pointers: of the field, else of what it belongs to', () => {
  const text = FILES[1]!.text;
  expect(
    places({ text, pointers: ['/services/0/metrics/m~1n', '/services/0/condition', '/actions/0', ''] }),
  ).toEqual([4, 2, null, null]);
});

test.each([
  [{ file: 'a.yaml', line: 3, pointer: '/services/0', detail: 'is wrong' }, 'a.yaml:3 /services/0: is wrong'],
  [{ file: 'a.yaml', pointer: '', detail: 'is wrong' }, 'a.yaml: is wrong'],
  [{ pointer: '', detail: "the folder can't be read" }, "the folder can't be read"],
])('%j in words', (mistake, words) => {
  expect(mistakeText(mistake)).toBe(words);
});
