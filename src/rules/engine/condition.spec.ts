import { compileCondition, ConditionError, isMetricName } from './condition';

const truth = (text: string, values: Record<string, number>) =>
  compileCondition(text, ['cpu', 'load'])(values).truth;

test.each([
  ['cpu > 80', { cpu: 80.5 }, true],
  ['cpu > 80', { cpu: 80 }, false],
  ['cpu == 1', { cpu: 1 }, true],
  ['1 == cpu', { cpu: 1 }, true],
  ['cpu != 1', { cpu: 1 }, false],
  ['cpu + 1 > 80', { cpu: 80 }, true],
  ['2 * cpu >= load / 2', { cpu: 1, load: 4 }, true],
  ['cpu > 80 && !(load < 1.5)', { cpu: 90, load: 2 }, true],
  ['(cpu > 90 ? load > 1 : load > 5)', { cpu: 95, load: 2 }, true],
] as const)('%s with %j is %s', (text, values, expected) => {
  expect(truth(text, values)).toBe(expected);
});

test.each([
  ['mem > 80', /Unknown variable: mem \(column 1\)/],
  ['cpu > 80 && mem > 1', /Unknown variable: mem \(column 13\)/],
  ['cpu > 80 &&\n  mem > 1', /line 2, column 3/],
  ['cpu >', /does not parse: Unexpected token: EOF/],
  ['cpu', /must be true or false, but is double/],
  ['cpu > "80"', /no such overload: double > string/],
  ['exec(cpu) > 1', /exec/],
  [`${'('.repeat(2_000)}cpu > 1${')'.repeat(2_000)}`, /characters long|depth|does not parse/],
  [`cpu > 1${' || cpu > 1'.repeat(390)}`, /characters long/],
])('%s is refused, and it says where', (text, message) => {
  expect(() => compileCondition(text, ['cpu'])).toThrow(ConditionError);
  expect(() => compileCondition(text, ['cpu'])).toThrow(message);
});

test('what divides by zero is open, and says why', () => {
  expect(compileCondition('1 / 0 > 1 && cpu > 1', ['cpu'])({ cpu: 5 })).toEqual({
    because: expect.stringContaining('division by zero'),
  });
});

test('a metric is named as a CEL variable can be', () => {
  expect(['cpu', 'p95_ms', 'Q'].filter(isMetricName)).toEqual(['cpu', 'p95_ms', 'Q']);
  expect(['', '1st', 'a-b', 'a.b', 'true', 'in', '__proto__', 'é', 'double'].filter(isMetricName)).toEqual(
    [],
  );
});
