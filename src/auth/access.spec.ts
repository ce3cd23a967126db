import fastify from 'fastify';
import type { Caller, Grant } from '../common/caller';
import { Forbidden, Unauthorized } from '../common/errors';
import { permit, requireAccess, type Access } from './access';

const callerWith = (via: Caller['via'], ...grants: Grant[]): Caller => ({
  actor: 'x',
  via,
  address: '',
  grants,
});
const EDITOR: Grant = { role: 'editor', approve: false, scope: null };
const SCOPED: Grant = { ...EDITOR, scope: { team: 'web' } };
const needs = (right: 'viewer' | 'operator' | 'editor' | 'admin' | 'approve', isWhole = false): Access => ({
  right,
  isWhole,
});

test.each([
  ['an editor edits', callerWith('session', EDITOR), needs('editor'), undefined],
  ['an editor is no administrator', callerWith('session', EDITOR), needs('admin'), Forbidden],
  ['no role approves', callerWith('session', EDITOR), needs('approve'), Forbidden],
  ['a scope is enough where labels say more', callerWith('token', SCOPED), needs('editor'), undefined],
  ['and is not where there are none', callerWith('token', SCOPED), needs('viewer', true), Forbidden],
  ['who is known sees what is their own', callerWith('session'), 'signed in', undefined],
  ['nobody has nothing of their own', callerWith('anonymous', EDITOR), 'signed in', Unauthorized],
  ['nobody may sign in for more', callerWith('anonymous', EDITOR), needs('admin'), Unauthorized],
  ['what is public asks nothing', callerWith('session'), 'public', undefined],
] as const)('%s', (_, caller, access, error) => {
  const check = expect(() => permit(caller, access));
  if (error === undefined) check.not.toThrow();
  else check.toThrow(error);
});

test('a refusal names the right that is needed', () => {
  expect(() => permit(callerWith('session', EDITOR), needs('admin'))).toThrow('this needs the right admin');
});

test('a route that declares no right is refused, by its name', () => {
  const server = fastify();
  requireAccess(server);
  server.get('/open', { config: { access: 'public' } }, () => 'x');
  expect(() => server.delete('/forgotten/:id', () => 'x')).toThrow(
    'the route DELETE /forgotten/:id declares no right',
  );
});
