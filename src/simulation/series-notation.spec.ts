import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { needs } from '../../test/needs';
import { NotationError, secondsOf, valuesOf } from './series-notation';

test.each([
  ['0 0 75', [0, 0, 75]],
  ['85x3', [85, 85, 85, 85]],
  ['10+5x3', [10, 15, 20, 25]],
  ['10-5x2', [10, 5, 0]],
  ['-2+4x1', [-2, 2]],
  ['1.5 _ 1e3', [1.5, null, 1000]],
  ['_x3 1', [null, null, null, 1]],
  ['0 0 75 85x3 _ _ 95', [0, 0, 75, 85, 85, 85, 85, null, null, 95]],
  ['  1\n2\t3 ', [1, 2, 3]],
  ['', []],
  ['0+1e3x3', [0, 1000, 2000, 3000]],
  ['1e2-5E1x2', [100, 50, 0]],
  ['1e+2x1', [100, 100]],
  ['5.-.5x2', [5, 4.5, 4]],
  ['+5+1x2', [5, 6, 7]],
  ['-2-3x2', [-2, -5, -8]],
  ['1 stale 3', [1, null, 3]],
  ['stale _ stale', [null, null, null]],
  ['_x0 1x0', [1]],
  ['0x3', [0, 0, 0, 0]],
  ['00 07 08 0.5 1x010', [0, 7, 8, 0.5, ...Array<number>(11).fill(1)]],
])('%j', (notation, values) => {
  expect(valuesOf(notation)).toEqual(values);
});

const REFUSED: [string, RegExp][] = [
  ['85 x3', /"x3" \(column 4\) is no value/],
  ['1e999x', /is no value/],
  ['abc', /is no value/],
  ['5+x3', /is no value/],
  ['1x', /is no value/],
  ['85x-3', /is no value/],
  ['1x1e1', /is no value/],
  ['__', /is no value/],
  ['_ 1_000', /"1_000" \(column 3\) is no value/],
  ['1,5', /is no value/],
  ['1+2', /is no value/],
  ['1--2x3', /is no value/],
  ['1x3x2', /is no value/],
  ['0xA', /is no value/],
  ['1\u00a02', /is no value/],
  ['Stale', /is no value/],
  ['stalex3', /write stale alone/],
  ['stale+1x3', /write stale alone/],
  ['1 NaN', /"NaN" \(column 3\) is no number; write _/],
  ['-Inf', /is no number/],
  ['infx3', /is no number/],
  ['{{schema:1 count:5}}', /is a histogram/],
  ['1e400', /too great/],
  ['1e308+1e308x3', /too great/],
  ['-1e308-1e308x1', /too great/],
  ['010', /octal: write 10/],
  ['1+012x3', /octal: write 12/],
];

test.each(REFUSED)('%j is refused, and it says where and why', (notation, why) => {
  expect(() => valuesOf(notation)).toThrow(NotationError);
  expect(() => valuesOf(notation)).toThrow(/column \d/);
  expect(() => valuesOf(notation)).toThrow(why);
});

test('a series that would be too long is refused before it is made', () => {
  expect(() => valuesOf('1x99999999999')).toThrow(/more than 1000000 values/);
});

test.each([
  [90, 90],
  ['90s', 90],
  ['1h30m', 5_400],
  ['1.5m', 90],
  ['soon', undefined],
  [-1, undefined],
  [null, undefined],
])('%j is %s seconds', (time, seconds) => {
  expect(secondsOf(time)).toBe(seconds);
});

const PROMTOOL = '/usr/bin/promtool';
const TIMEOUT_MS = 30_000;

(needs('promtool', existsSync(PROMTOOL), 'prometheus') ? describe : describe.skip)(
  'as promtool reads it',
  () => {
    const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'promtool '));
    const file = join(folder, 'series.test.yml');
    afterAll(() => rmSync(folder, { recursive: true }));

    /** Asks promtool whether each series has these values, an hour apart: older ones are not seen any more. */
    async function differences(series: readonly (readonly [notation: string, values: (number | null)[]])[]) {
      const tests = series.map(([notation, values]) => ({
        interval: '1h',
        input_series: [{ series: 'x', values: notation }],
        promql_expr_test: values.map((value, hour) => ({
          // It adds up, we multiply: a trifle apart.
          expr: value === null ? 'x' : `abs(x - ${value}) <= bool ${Math.max(1e-9, Math.abs(value) * 1e-9)}`,
          eval_time: `${hour}h`,
          exp_samples: value === null ? [] : [{ labels: '{}', value: 1 }],
        })),
      }));
      writeFileSync(file, JSON.stringify({ evaluation_interval: '1h', tests }));
      return promisify(execFile)(PROMTOOL, ['test', 'rules', file], { timeout: TIMEOUT_MS }).then(
        () => '',
        ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr || 'failed',
      );
    }

    /** Asks promtool, in one run, what is wrong with each notation; nothing where it takes it. */
    async function faultsOf(notations: readonly string[]): Promise<[notation: string, fault?: string][]> {
      const files = notations.map((values, index) => {
        const tests = [{ interval: '1h', input_series: [{ series: 'x', values }], promql_expr_test: [] }];
        const own = join(folder, `${index}.test.yml`);
        writeFileSync(own, JSON.stringify({ evaluation_interval: '1h', tests }));
        return own;
      });
      const running = promisify(execFile)(PROMTOOL, ['test', 'rules', ...files], { timeout: TIMEOUT_MS });
      // Output has each file and whether it is a success; faults are told apart, in the order of the files that have one.
      const { stdout, stderr } = await running.catch((error: { stdout: string; stderr: string }) => error);
      const ends = stdout.split('Unit Testing:').slice(1);
      const faults = stderr.split('FAILED:').slice(1);
      expect(ends).toHaveLength(notations.length);
      return notations.map((notation, index) =>
        /\bSUCCESS\b/.test(ends[index]!) ? [notation] : [notation, faults.shift()],
      );
    }

    const valuesIn = (notation: string) => {
      try {
        return valuesOf(notation);
      } catch {
        return undefined;
      }
    };

    const number = fc.constantFrom(
      '0',
      '1',
      '85',
      '2.5',
      '.5',
      '5.',
      '1e3',
      '1e-3',
      '2E2',
      '1e+1',
      '07',
      '08',
      '00.5',
    );
    const sign = fc.constantFrom('', '', '', '-', '+');
    const times = fc.constantFrom('x0', 'x1', 'x3', 'x02');
    const item = fc.oneof(
      fc.tuple(sign, number).map((parts) => parts.join('')),
      fc.tuple(sign, number, times).map((parts) => parts.join('')),
      fc.tuple(sign, number, fc.constantFrom('-', '+'), number, times).map((parts) => parts.join('')),
      fc.constantFrom('_', '_x2', '_x0', 'stale'),
    );
    /** Mostly no series. */
    const noise = fc
      .array(fc.constantFrom('1', '0', '2', '.', 'e', 'x', '+', '-', '_', ' ', 'stale', ',', 'E', 'a'), {
        minLength: 1,
        maxLength: 6,
      })
      .map((parts) => parts.join(''));
    const samples = <T>(arbitrary: fc.Arbitrary<T>, count: number) =>
      fc.sample(arbitrary, { numRuns: count, seed: 65 });

    test('values of series of any items are the same', async () => {
      const notations = samples(fc.array(item, { minLength: 1, maxLength: 6 }), 300).map((items) =>
        items.join(' '),
      );
      expect(await differences(notations.map((notation) => [notation, valuesOf(notation)]))).toBe('');
      expect(await differences([['1 2', [1, 3]]])).toMatch(/FAILED/);
    });

    test('what is refused here is refused there, and the other way round', async () => {
      const notations = samples(noise, 150).filter((notation) => notation.trim() !== '');
      const read = notations.flatMap((notation) => {
        const values = valuesIn(notation);
        return values === undefined ? [] : [[notation, values] as const];
      });
      expect(read.length).toBeGreaterThan(10);
      expect(await differences(read)).toBe('');
      const refused = notations.filter((one) => valuesIn(one) === undefined && !/(?<![\d.])0\d/.test(one));
      expect(refused.length).toBeGreaterThan(10);
      expect(await faultsOf(refused)).toEqual(
        refused.map((notation) => [notation, expect.stringMatching(/parse error/)]),
      );
    }, 60_000);
  },
);
