import { workedMs } from '../../test/loop-delay';
import { expressionOf, expressionProblem } from './expressions';

test.each([
  ['(a{1,1000}){1,1000}', /too large/],
  ['(.*a){1,500}', /too large/],
  ['a{999}'.repeat(160), /too large/],
  [`(${'ab'.repeat(400)}){1000}`, /too large/],
  [`((${'[a-z]\\('.repeat(50)}){30}x){30}`, /too large/],
  ['[({]{3}\\{2000,3000\\}[^]{]', undefined],
  ['(\\pL|\\d){1,900}x', /too large/],
  [`(?i)${'é'.repeat(900)}`, undefined],
  ['(', /not a valid RE2/],
  ['(?=a)b', /not a valid RE2/],
  ['a'.repeat(1_001), /at most 1000/],
  ['(web|db)-[0-9]{1,3}\\.example\\.com', undefined],
  [Array.from({ length: 100 }, (_, index) => `host${index}`).join('|'), undefined],
])('%s is judged when it is saved, soon', (text, problem) => {
  const began = workedMs();
  if (problem === undefined) expect(expressionProblem(text)).toBeUndefined();
  else expect(expressionProblem(text)).toMatch(problem);
  expect(workedMs() - began).toBeLessThan(500);
});

test('one is compiled once, and what is none is found out once', () => {
  expect(expressionOf('a+')).toBe(expressionOf('a+'));
  const failed = ['(', '('].map((text) => {
    try {
      return expressionOf(text);
    } catch (error) {
      return error;
    }
  });
  expect(failed[0]).toBe(failed[1]);
  for (let index = 0; index < 1_000; index++) expressionOf(`b${index}`);
  expect(expressionOf('a+').matches('aa')).toBe(true);
});
