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
  ['cpu > 5 / 2', { cpu: 2.4 }, false],
  ['cpu * (1 / 2) == 4', { cpu: 8 }, true],
  ['cpu % 2 == 1', { cpu: 7 }, true],
  ['abs(cpu - load) > 3', { cpu: 1, load: 5 }, true],
  ['max(cpu, load, 10) == 10', { cpu: 1, load: 5 }, true],
  ['min(cpu, load) < 2', { cpu: 1, load: 5 }, true],
  ['isMissing(cpu)', { cpu: 1 }, false],
  ['isMissing(cpu) && load > 1', { load: 2 }, true],
  ['!isMissing(cpu) && cpu > 1', { load: 2 }, false],
  ['load != 0 && cpu / load > 2', { cpu: 9, load: 0 }, false],
  ['load == 0 || cpu / load > 2', { cpu: 9, load: 3 }, true],
  ['load > 0 ? cpu / load > 2 : false', { cpu: 9, load: 0 }, false],
  ['cpu / max(load, 1) > 2', { cpu: 9, load: 0 }, true],
  ['cpu > 1', {}, undefined],
  ['cpu > 1 || load > 1', { load: 2 }, true],
  ['cpu > 1 && load > 1', { load: 0 }, false],
  ['isMissing(cpu) || cpu > 1', {}, true],
] as const)('%s with %j is %s', (text, values, expected) => {
  expect(truth(text, values)).toBe(expected);
});

test.each([
  ['cpu in [200, 301]', { cpu: 301 }, true],
  ['cpu in [200, 301]', { cpu: 302 }, false],
  ['!(cpu in [200, 301])', { cpu: 500 }, true],
  ['!(cpu in [200, 301]) && load > 1', { cpu: 200, load: 2 }, false],
  ['cpu in [-1, 0.5, 1e3]', { cpu: -1 }, true],
  ['cpu in [-1, 0.5, 1e3]', { cpu: 1000 }, true],
  ['cpu + 1 in [2]', { cpu: 1 }, true],
  ['max(cpu, load) in [7, 8]', { cpu: 7, load: 1 }, true],
  ['cpu in [1] == (load in [1])', { cpu: 2, load: 3 }, true],
  ['cpu in [200]', {}, undefined],
  ['!(cpu in [200])', {}, undefined],
  ['cpu in [200] || load > 1', { load: 2 }, true],
  ['cpu in [200] && load > 1', { load: 0 }, false],
  ['isMissing(cpu) || !(cpu in [200])', {}, true],
  ['cpu in [1, 2] && load / cpu > 2', { cpu: 1, load: 3 }, true],
  ['cpu in [0, 2] || load / cpu > 2', { cpu: 1, load: 3 }, true],
] as const)('a list of numbers: %s with %j is %s', (text, values, expected) => {
  expect(truth(text, values)).toBe(expected);
});

test.each([
  ['cpu > 80 and load > 1', 'has "and" (column 10): write &&'],
  ['cpu > 80 OR load > 1', 'has "OR" (column 10): write ||'],
  ['not cpu > 80', 'has "not" (column 1): write !'],
  ['NOT(cpu > 80)', 'has "NOT" (column 1): write !'],
  ['cpu > 80 &&\n not (load > 1)', 'has "not" (line 2, column 2): write !'],
  ['cpu > 80 & load > 1', 'has "&" (column 10): write &&'],
  ['cpu > 80 | load > 1', 'has "|" (column 10): write ||'],
  ['cpu = 80', 'has "=" (column 5): write == to compare'],
  ['cpu <> 80', 'has "<>" (column 5): write !='],
  ['cpu === 80', 'has "===" (column 5): write =='],
  ['cpu => 80', 'has "=>" (column 5): write >='],
  ['cpu =< 80', 'has "=<" (column 5): write <='],
  ['cpu ≥ 80', 'has "≥" (column 5): write >='],
  ['cpu > 80%', 'has "80%" (column 7): a number has no unit: write 80, not 80%'],
  ['cpu > 80 % || load > 1', 'has "80 %" (column 7): a number has no unit: write 80, not 80%'],
  ['cpu > 80,5', 'has a comma in a number (column 9): write a point, as in 80.5'],
  ['cpu > 80ms', 'has "80ms" (column 7): a number has no unit'],
  ['cpu > 1.5GB', 'has "1.5GB" (column 7): a number has no unit'],
  ['cpu not in [200, 301]', 'has "not in" (column 5): write !(a in [1, 2])'],
  ['cpu is 80', 'has "is" (column 5): write == to compare'],
  ['3 < cpu < 9', 'has "3 < cpu <" (column 1): write both: 1 < a && a < 9'],
  ['load > 1 || 80 >= cpu > 9', 'has "80 >= cpu >" (column 13): write both'],
  ['cpu in (200, 301)', 'has "in (" (column 5): write in [1, 2]'],
])('what is written otherwise elsewhere is named: %s', (text, message) => {
  expect(() => compileCondition(text, ['cpu', 'load'])).toThrow(ConditionError);
  expect(() => compileCondition(text, ['cpu', 'load'])).toThrow(message);
});

test.each(['max(cpu,1,2) > 80', 'cpu in [1,2]', 'cpu % 2 == 1', 'cpu > 1e3', 'order_and > 1 || android > 2'])(
  'what only looks like it is taken: %s',
  (text) => {
    expect(() => compileCondition(text, ['cpu', 'order_and', 'android'])).not.toThrow();
  },
);

test.each([
  ['mem > 80', /Unknown variable: mem \(column 1\)/],
  ['cpu > 80 && mem > 1', /Unknown variable: mem \(column 13\)/],
  ['cpu > 80 &&\n  mem > 1', /line 2, column 3/],
  ['cpu >', /does not parse: Unexpected token: EOF/],
  ['cpu', /must be true or false, but is double/],
  ['cpu > "80"', /nothing else \(column 7\)/],
  ['cpu in [load]', /takes a list of numbers after in, such as in \[200, 301\] \(column 8\)/],
  ['cpu in []', /takes a list of numbers/],
  ['cpu in ["1"]', /nothing else \(column 9\)/],
  ['cpu in [1, true]', /takes a list of numbers/],
  ['cpu in [[1]]', /takes a list of numbers/],
  ['cpu in {1: 2}', /has "in \{" \(column 5\)|takes a list of numbers/],
  ['[1, 2] == [1, 2]', /nothing else/],
  ['[1, 2][0] > cpu', /nothing else/],
  [`cpu in [${'1, '.repeat(200)}1]`, /does not parse.*100/],
  ['[1, 2].exists(x, x > cpu)', /nothing else/],
  ['"a".matches("(a+)+$")', /nothing else/],
  ['exec(cpu) > 1', /exec/],
  ['isMissing(mem)', /Unknown variable: mem \(column 11\)/],
  ['isMissing(1)', /takes the name of a metric \(column 11\)/],
  ['1 / 0 > 1 && cpu > 1', /divides by 0 \(column 5\)/],
  ['10 / cpu > 1', /divides by cpu, which may be 0 \(column 6\); write cpu != 0 && before it/],
  ['cpu > 1 || 10 / cpu > 1', /divides by cpu/],
  ['cpu > -1 && 10 / cpu > 1', /divides by cpu/],
  ['cpu > 5 &&\n  cpu % (cpu - 6) > 1', /divides by cpu - 6.* \(line 2, column 10\)/],
])('%s is refused, and it says where', (text, message) => {
  expect(() => compileCondition(text, ['cpu'])).toThrow(ConditionError);
  expect(() => compileCondition(text, ['cpu'])).toThrow(message);
});

test.each([
  ['1,000 deep', `${'('.repeat(1_000)}cpu > 1${')'.repeat(1_000)}`, /depth|does not parse/],
  ['of 100 kB', `cpu > 1${' || cpu > 1'.repeat(10_000)}`, /110007 characters long; at most 4000/],
  ['of too many parts', `cpu>1${'||cpu>1'.repeat(550)}`, /does not parse.*(nodes|limit|exceed)/i],
])('a condition %s is refused', (_, text, message) => {
  expect(() => compileCondition(text, ['cpu'])).toThrow(ConditionError);
  expect(() => compileCondition(text, ['cpu'])).toThrow(message);
});

test.each([
  ['cpu * load > 80', { cpu: 1e308, load: 10 }],
  ['!(cpu * load - cpu * load > 1)', { cpu: 1e308, load: 10 }],
  ['cpu + cpu > 80', { cpu: 1.7e308 }],
  ['-cpu - cpu < 80', { cpu: 1.7e308 }],
  ['load > 0 && cpu / load > 80', { cpu: 1e308, load: 1e-300 }],
  ['1 / max(cpu * cpu, 1) < 1', { cpu: 1e300 }],
  ['min(cpu * cpu, 5) == 5', { cpu: 1e300 }],
])('%s is undecided where a number gets too great: %j', (text, values) => {
  expect(compileCondition(text, ['cpu', 'load'])(values)).toEqual({
    because: expect.stringMatching(/is too great a number$/),
  });
});

test.each([
  ['cpu * cpu > 80 || load > 1', { cpu: 1e300, load: 2 }, true],
  ['load > 1 && cpu * cpu > 80', { cpu: 1e300, load: 0 }, false],
  ['cpu * cpu > 80 || load > 1', { cpu: 1e300, load: 0 }, undefined],
])('%s with %j, too great, is decided by the other side: %s', (text, values, expected) => {
  expect(truth(text, values)).toBe(expected);
});

test('a metric is named as a CEL variable can be', () => {
  expect(['cpu', 'p95_ms', 'Q'].filter(isMetricName)).toEqual(['cpu', 'p95_ms', 'Q']);
  expect(['', '1st', 'a-b', 'a.b', 'true', 'in', '__proto__', 'é', 'double'].filter(isMetricName)).toEqual(
    [],
  );
});

test('a long chain is judged once, not once for each of its parts', () => {
  const guarded = Array.from({ length: 360 }, () => 'a != 0').join(' && ');
  expect(compileCondition(`${guarded} && b / a > 1`, ['a', 'b'])({ a: 1, b: 2 })).toEqual({ truth: true });
  expect(() => compileCondition(`${guarded.replaceAll('a', 'b')} && b / a > 1`, ['a', 'b'])).toThrow(
    'may be 0',
  );
  const any = `(${guarded.replaceAll('&&', '||')})`;
  expect(() => compileCondition(`${any} && b / a > 1`, ['a', 'b'])).toThrow('may be 0');
});
