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

  it('what is nested beyond reason is not looked at, and an expression can not hang', () => {
    const deep = JSON.parse('{"a":'.repeat(5_000) + '1' + '}'.repeat(5_000));
    expect(numberAt('$..b', deep)).toBeUndefined();
    const began = performance.now();
    numberAt("$[?search(@, '(a+)+$')]", [`${'a'.repeat(50_000)}b`]);
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});
