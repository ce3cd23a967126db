import { isWithin, may, scopesOf, visibleTo, type Caller, type Grant } from './caller';

const callerWith = (...grants: Grant[]): Caller => ({
  actor: 'anna',
  via: 'session',
  address: '::1',
  grants,
});
const grant = (role: Grant['role'], scope: Grant['scope'] = null, approve = false): Grant => ({
  role,
  scope,
  approve,
});

test.each([
  ['viewer', 'viewer', true],
  ['viewer', 'operator', false],
  ['editor', 'operator', true],
  ['admin', 'editor', true],
  ['admin', 'approve', false],
] as const)('the role %s may what asks for %s: %s', (role, right, isAllowed) => {
  expect(may(callerWith(grant(role)), right)).toBe(isAllowed);
});

test('rights are the union of the grants, each in its own scope', () => {
  const caller = callerWith(
    grant('viewer'),
    grant('editor', { team: 'web' }),
    grant(null, { team: 'db' }, true),
  );
  expect(visibleTo(caller)).toBeNull();
  expect(scopesOf(caller, 'viewer')).toBeNull();
  expect(scopesOf(caller, 'editor')).toEqual([{ team: 'web' }]);
  expect(scopesOf(caller, 'approve')).toEqual([{ team: 'db' }]);
  expect(scopesOf(caller, 'admin')).toEqual([]);
});

test('whoever may only approve sees what they may approve', () => {
  expect(visibleTo(callerWith(grant(null, { team: 'db' }, true)))).toEqual([{ team: 'db' }]);
});

test.each([
  [{ team: 'web', env: 'prod' }, [{ team: 'web' }], true],
  [{ team: 'web' }, [{ team: 'web', env: 'prod' }], false],
  [{ team: 'web' }, [{ team: 'db' }, { team: 'web' }], true],
  [{}, [{ toString: 'x' }], false],
  [{}, [], false],
  [{}, null, true],
] as const)('labels %j within %j: %s', (labels, scopes, isIn) => {
  expect(isWithin(labels, scopes)).toBe(isIn);
});
