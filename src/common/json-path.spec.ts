import { workedMs } from '../../test/loop-delay';
import { jsonPathProblem, numberAt, numberFoundAt } from './json-path';

const document = {
  values: { B: 44.2, C: 1, text: '93.5', words: 'many', flag: true, none: null, endless: Infinity },
  metrics: [
    { label: 'rta', value: 5000 },
    { label: 'pl', value: 100 },
  ],
};

describe('the number at a path', () => {
  it.each([
    ['$.values.B', 44.2],
    ["$['values']['C']", 1],
    ['$.values.text', 93.5],
    ['$.metrics[1].value', 100],
    ['$.metrics[-1].value', 100],
    ["$.metrics[?@.label == 'rta'].value", 5000],
    ["$.metrics[?match(@.label, 'r.*')].value", 5000],
    ["$.metrics[?search(@.label, '^p')].value", 100],
    ['$..B', 44.2],
  ])('%s is %p', (path, number) => {
    expect(jsonPathProblem(path)).toBeUndefined();
    expect(numberAt(path, document)).toBe(number);
  });

  it.each([
    '$.values.words',
    '$.values.flag',
    '$.values.none',
    '$.values.endless',
    '$.values',
    '$.nothing.here',
    '$.metrics[*].value',
    "$.metrics[?match(@.label, '(')].value",
  ])('there is none at %s', (path) => {
    expect(jsonPathProblem(path)).toBeUndefined();
    expect(numberAt(path, document)).toBeUndefined();
  });

  it.each([
    ['values.B', /not a valid JSONPath/],
    ['$.values[', /not a valid JSONPath/],
    ['$.a[?nothing(@.b)]', /not a valid JSONPath/],
    ['$', undefined],
    [`$.${'a'.repeat(500)}`, /at most 500 characters/],
    ["$['a','b']", /must select one value/],
    ['$..a..b', /at most one "\.\."/],
    ['$.a[?@.b[?@.c]]', /at most one filter/],
    ['$[?count(@[*,*]) > 1]', /must select one value/],
    ['$[?count($[*]) > 1]', /must not search the whole document/],
    ['$.a[?@.id == $.current].value', undefined],
    ['$.a[?match(@.b, $.pattern)].value', /as a text in quotes/],
    ['$.a[?search(@.b, @.pattern)].value', /as a text in quotes/],
    ["$.a[?@.c == 1 || !match(@.b, '(x{1,40}){1,25}')].value", /too large/],
    [`$.a[?${Array(15).fill('@.b==1').join('||')}].value`, /at most 20 comparisons/],
    ["$.a[?@.b == 1 && (@.c == 2 || search(@.d, '^x')) && @.e].value", undefined],
  ])('%s is judged when it is saved', (path, problem) => {
    const found = jsonPathProblem(path);
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(problem);
  });

  it.each([
    ['$.values.words', 'at $.values.words there is a text that is no number'],
    ['$.values.none', 'at $.values.none there is null'],
    ['$.values.flag', 'at $.values.flag there is true'],
    ['$.values', 'at $.values there is an object'],
    ['$.metrics', 'at $.metrics there is a list'],
    ['$.values.endless', 'at $.values.endless there is a number that is too great'],
    ['$.nothing.here', 'there is nothing at $.nothing.here'],
    ['$.metrics[*].value', 'there are several values at $.metrics[*].value'],
  ])('that there is none at %s is said in words', (path, sentence) => {
    expect(() => numberFoundAt(path, document)).toThrow(sentence);
  });

  it.each([
    ["$.list[?match(@.n, '(x{1,30}){1,30}')].v", undefined],
    ["$.list[?match(@.n, '(')].v", undefined],
    ['$.list[?search(@.n, @.n)].v', undefined],
    ["$..[?search(@.n, '(a|b|x)+59999$')].v", 59_999],
  ])('%s takes its expression for 60,000 nodes once', (path, number) => {
    const list = Array.from({ length: 60_000 }, (_, v) => ({ n: `x${v}`, v }));
    if (path.includes('@.n, @.n')) list.length = 1_000;
    const began = workedMs();
    expect(numberAt(path, { list })).toBe(number);
    expect(workedMs() - began).toBeLessThan(8_000);
  });

  it('what is nested beyond reason is not looked at, and an expression can not hang', () => {
    const deep = JSON.parse('{"a":'.repeat(5_000) + '1' + '}'.repeat(5_000));
    expect(numberAt('$..b', deep)).toBeUndefined();
    const began = workedMs();
    numberAt("$[?search(@, '(a+)+$')]", [`${'a'.repeat(50_000)}b`]);
    expect(workedMs() - began).toBeLessThan(2_000);
  });
});
