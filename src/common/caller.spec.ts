import { AsyncResource } from 'node:async_hooks';
import fc from 'fast-check';
import {
  currentCaller,
  intersection,
  isWithin,
  may,
  ROLES,
  runAs,
  scopesOf,
  visibleTo,
  type Caller,
  type Grant,
} from './caller';

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

test.each([
  ['a lower role', grant('viewer'), grant('editor'), [grant('viewer')]],
  ['a role of the maker that is lower', grant('admin'), grant('operator'), [grant('operator')]],
  ['a scope of the token', grant('editor', { team: 'web' }), grant('editor'), [grant('editor', { team: 'web' })]],
  ['a scope of the maker', grant('editor'), grant('editor', { team: 'web' }), [grant('editor', { team: 'web' })]],
  ['both scopes', grant('editor', { env: 'x' }), grant('editor', { team: 'web' }), [grant('editor', { team: 'web', env: 'x' })]],
  ['scopes that exclude each other', grant('editor', { team: 'db' }), grant('editor', { team: 'web' }), []],
  ['approval that the maker lacks', grant(null, null, true), grant('admin'), []],
  ['approval of both', grant(null, null, true), grant('admin', null, true), [grant(null, null, true)]],
] as const)('what a token and its maker both may: %s', (_, token, maker, both) => {
  expect(intersection([token], [maker])).toEqual(both);
}); // prettier-ignore

const labels = fc.dictionary(fc.constantFrom('team', 'env', '__proto__'), fc.constantFrom('a', 'b'), {
  maxKeys: 2,
});
const grants = fc.array(
  fc.record({
    role: fc.constantFrom(null, ...ROLES),
    approve: fc.boolean(),
    scope: fc.option(labels),
  }),
  { maxLength: 4 },
);

test('a token may something with a thing if and only if its own grants and those of its maker both give it', () => {
  fc.assert(
    fc.property(grants, grants, labels, fc.constantFrom(...ROLES, 'approve' as const), (own, maker, thing, right) => {
      const has = (given: readonly Grant[]) => isWithin(thing, scopesOf(callerWith(...given), right));
      expect(has(intersection(own, maker))).toBe(has(own) && has(maker));
    }),
  );
}); // prettier-ignore

test('a caller is known to what runs as them for as long as it runs, and no caller is carried along after that', async () => {
  jest.useFakeTimers();
  try {
    const anna = callerWith();
    let end!: () => void;
    let detached!: () => Caller | undefined;
    const work = runAs(anna, async () => {
      detached = AsyncResource.bind(currentCaller);
      await new Promise<void>((resolve) => (end = resolve));
      return currentCaller();
    });
    jest.advanceTimersByTime(3_600_000);
    expect(runAs(callerWith(), () => 'ended before it')).toBe('ended before it');
    jest.advanceTimersByTime(3_600_000);
    expect(currentCaller()).toBeUndefined();
    end();
    expect(await work).toBe(anna);
    expect(detached()).toBe(anna);
    jest.advanceTimersByTime(1_000);
    expect(detached()).toBeUndefined();
    expect(await runAs(anna, async () => currentCaller())).toBe(anna);
    await expect(runAs(anna, () => Promise.reject(new Error('it fails')))).rejects.toThrow('it fails');
    jest.advanceTimersByTime(1_000);
    expect(detached()).toBeUndefined();
  } finally {
    jest.useRealTimers();
  }
});
