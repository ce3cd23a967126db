import { isSame } from './approval-by-other';

test.each([
  ['a user and the same user', { userId: 'a', actor: 'anna' }, { userId: 'a', actor: 'anna' }, true],
  ['a user under a new name', { userId: 'a', actor: 'anna.b' }, { userId: 'a', actor: 'anna' }, true],
  ['a token of the user', { userId: 'a', actor: 'token deploy of anna' }, { userId: 'a', actor: 'anna' }, true],
  ['another user', { userId: 'b', actor: 'ben' }, { userId: 'a', actor: 'anna' }, false],
  ['another user of that name', { userId: 'b', actor: 'anna' }, { userId: 'a', actor: 'anna' }, false],
  ['the administrator twice', { actor: 'the administrator' }, { userId: null, actor: 'the administrator' }, true],
  ['the administrator and a user', { actor: 'the administrator' }, { userId: 'a', actor: 'anna' }, false],
  ['a user called like the administrator', { userId: 'a', actor: 'the administrator' }, { userId: null, actor: 'the administrator' }, false],
  ['nobody knows who', { actor: 'the administrator' }, { userId: null, actor: null }, false],
])('%s', (_, caller, author, same) => {
  expect(isSame(caller, author)).toBe(same);
}); // prettier-ignore
