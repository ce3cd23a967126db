import { withoutNames } from './out-of-scope';

const SEEN = new Set(['leaf', 'what it depends on']);
const told = (text: string, infrastructure?: string) =>
  withoutNames(text, infrastructure, (name) => SEEN.has(name));

test.each([
  [
    'm is 1; core; 2, on which it depends, is in phase alarm',
    'm is 1; core; a service out of your scope, on which it depends, is in phase alarm',
  ],
  [
    'sw-1 (a|b)*, on which it depends, is in phase ok',
    'a service out of your scope, on which it depends, is in phase ok',
  ],
  [
    'triggered at 03:00:00Z; meanwhile sw-1, on which it depends, is in phase alarm',
    'triggered at 03:00:00Z; meanwhile a service out of your scope, on which it depends, is in phase alarm',
  ],
  ['sw-1 must leave that phase', 'a service out of your scope must leave that phase'],
  ['leaf must leave that phase', 'leaf must leave that phase'],
  ['what it depends on must leave that phase', 'what it depends on must leave that phase'],
  ['m is 1; leaf, on which it depends, is in phase ok', 'm is 1; leaf, on which it depends, is in phase ok'],
  [
    '$& and $1, on which it depends, is in phase ok',
    'a service out of your scope, on which it depends, is in phase ok',
  ],
])('of services: %s', (text, expected) => {
  expect(told(text)).toBe(expected);
});

test.each([
  ['web', 'web was scaled up lately', 'an infrastructure out of your scope was scaled up lately'],
  [
    'web',
    "the nodes of web can't be counted",
    "the nodes of an infrastructure out of your scope can't be counted",
  ],
  ['web', 'webs, web-2, web_3 and cobweb are others', 'webs, web-2, web_3 and cobweb are others'],
  ['a.b (1)', 'axb (1) is not a.b (1)', 'axb (1) is not an infrastructure out of your scope'],
  ['أهلا', 'the freeze of أهلا must end', 'the freeze of an infrastructure out of your scope must end'],
])('of the infrastructure %s: %s', (name, text, expected) => {
  expect(told(text, name)).toBe(expected);
});
