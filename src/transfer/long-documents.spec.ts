import { HELD_UP_MS, loopDelayMs } from '../../test/loop-delay';
import { InvalidInput } from '../common/errors';
import { stopThreads } from '../common/thread-pool';
import { fromLongYaml, toLongYaml } from './long-documents';
import { entriesOf2014 } from './monscale-2014';
import { fromYaml, toYaml } from './yaml';

afterAll(stopThreads);

const service = (index: number) => ({
  name: `web ${index}`,
  metrics: { cpu: { type: 'x' } },
  holdSeconds: 0.5,
});
const document = (services: number) => ({
  monscale: 1,
  infrastructures: [],
  services: Array.from({ length: services }, (_, index) => service(index)),
});

test('what is long is read and written as what is short', async () => {
  const long = toYaml(document(300));
  expect(await fromLongYaml(long)).toEqual(fromYaml(long));
  expect(await toLongYaml(document(300))).toBe(long);
  expect(await toLongYaml(document(1))).toBe(toYaml(document(1)));
});

test('its mistakes have their line, and what is no number does not become nothing', async () => {
  const filler = `services:\n${'  - name: x\n'.repeat(1_000)}`;
  await expect(fromLongYaml(`${filler}  name: [`)).rejects.toThrow(InvalidInput);
  await expect(fromLongYaml(`${filler}  name: [`)).rejects.toThrow('line 100');
  const { rest } = (await fromLongYaml(`${filler}rest: [.inf, .nan, null]`)) as { rest: unknown[] };
  expect(rest).toEqual(['Infinity', 'NaN', null]);
});

const million = (line: string) => line.repeat(Math.floor(400_000 / line.length));
test.each([
  ['definitions', `services:\n${million('  - { name: a, metrics: {} }\n')}`],
  ['small items', `[${million('{},')}]`],
  ['nesting', `${'['.repeat(5_000)}${']'.repeat(5_000)}`],
  ['mistakes', million('a: b: c\n')],
  ['anchors', `a: &a [${'xxxxxxxxxx,'.repeat(10_000)}]\nb: [${'*a,'.repeat(99)}]`],
])(
  'much of %s holds up nobody, whatever comes of them',
  async (_, yaml) => {
    await fromLongYaml(`a: ${'b'.repeat(5_000)}`);
    const delay = await loopDelayMs(() => fromLongYaml(yaml).catch(() => undefined));
    expect(delay).toBeLessThan(HELD_UP_MS);
  },
  30_000,
);

test('an export of 2014 with many mistakes and notes holds up nobody', async () => {
  const exported = Array.from({ length: 40_000 }, (_, index) => ({
    type: 'ServiceInfrastructure',
    name: `i${index}`,
  }));
  const has = { metrics: new Set<string>(), actions: new Set<string>() };
  const delay = await loopDelayMs(() => entriesOf2014(exported, has));
  expect(delay).toBeLessThan(HELD_UP_MS);
  const { errors } = await entriesOf2014(Array(100_001).fill({}), has);
  expect(errors).toEqual([{ pointer: '', detail: expect.stringContaining('more than 100000') }]);
});

test('writing many definitions holds up nobody', async () => {
  const many = document(4_000);
  const delay = await loopDelayMs(async () => {
    await toLongYaml(many);
  });
  expect(delay).toBeLessThan(HELD_UP_MS);
}, 60_000);
