import { check } from '../../common/check';
import { AlertParams } from './alert.metric';

test.each([
  [{ match: { a: 7 } }, '/match/a', 'must be a text or {"regex": "…"}'],
  [{ match: { a: { regex: 'x', flags: 'i' } } }, '/match/a', 'must be a text or {"regex": "…"}'],
  [{ match: { 'a/b': { regex: 7 } } }, '/match/a~1b/regex', 'must be a text'],
  [{ match: { a: { regex: '(' } } }, '/match/a/regex', expect.any(String)],
  [{ match: { a: { regex: 'x'.repeat(1_001) } } }, '/match/a/regex', expect.stringContaining('1000')],
  [{ source: 7 }, '/source', 'must be the name of a source, or a list of names'],
  [{ source: ['here', ' '] }, '/source/1', 'must be the name of a source'],
])('what is wrong in %j is named where it stands', (params, pointer, detail) => {
  expect(check(AlertParams, params).errors).toEqual([{ pointer, detail }]);
});
