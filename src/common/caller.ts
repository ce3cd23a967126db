import { AsyncLocalStorage } from 'node:async_hooks';

/** Roles, each of which includes those before it. Approving is apart from them: no role includes it. */
export const ROLES = ['viewer', 'operator', 'editor', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Right that a route asks for. */
export type Right = Role | 'approve';

/** Labels that a service, infrastructure or action must have, all of them with these very values. */
export type Scope = Readonly<Record<string, string>>;

/** Role, permission to approve, or both, for everything or for what has the labels of a scope. */
export interface Grant {
  /** Null when it gives the permission to approve alone. */
  role: Role | null;
  approve: boolean;
  /** Null for everything. */
  scope: Scope | null;
}

/** Way by which a caller was identified. */
export type Via =
  'session' | 'token' | 'administrator' | 'source' | 'anonymous' | 'setup' | 'link' | 'program';

/** Who makes a request, by what and from where, and what they may. */
export interface Caller {
  /** Name for people, such as `anna`, `token deploy of anna`, `source zabbix`, `the administrator`. */
  actor: string;
  via: Via;
  /** Address of the client; behind proxies that are believed, the one they name. */
  address: string;
  /** Id of the user; also of the user who made the token. */
  userId?: string;
  /** Id of the session or the token. */
  credentialId?: string;
  /** Rights, as read for this request. */
  grants: readonly Grant[];
  /** Right that the route asks for. */
  needs?: Right;
  /** True when the request insists on changing what another manages. */
  force?: boolean;
  /** Manager in whose name it is: see `database/managed.ts`. */
  manager?: string;
  /** True where secrets may be given by reference alone. */
  refersOnly?: boolean;
}

/**
 * Callers of what runs. While they are carried along, Node calls a hook for each promise of the process, which is a fifth
 * of the CPU of an alert: so they are carried only while there is work in somebody's name.
 */
const callers = new AsyncLocalStorage<Caller>();
/** Time for which callers are still carried along after the last such work has ended, milliseconds. */
const CARRIED_MS = 1_000;
let underWay = 0;
let rest: NodeJS.Timeout | undefined;

/**
 * Keeps callers known from now on, also to what is begun and not waited for.
 *
 * @returns function to call, once or more often, when nothing runs any more that was begun meanwhile
 */
export function carryCallers(): () => void {
  underWay++;
  clearTimeout(rest);
  let isOver = false;
  return () => {
    if (isOver) return;
    isOver = true;
    if (--underWay === 0) rest = setTimeout(() => callers.disable(), CARRIED_MS).unref();
  };
}

/**
 * Runs work in the name of a caller: stores show only what is in the caller's scope, and changes are audited as theirs.
 * Work is over when it returns or, where that is a promise, when the promise settles.
 */
export function runAs<T>(caller: Caller, work: () => T): T {
  const over = carryCallers();
  let result: T | undefined;
  try {
    result = callers.run(caller, work);
    return result;
  } finally {
    if (result instanceof Promise) void result.then(over, over);
    else over();
  }
}

/** Returns who makes the request that is being worked on; undefined in work that nobody asked for, which sees all. */
export const currentCaller = (): Caller | undefined => callers.getStore();

/** Tells whether a grant gives a right. */
export const gives = (grant: Grant, right: Right): boolean =>
  right === 'approve'
    ? grant.approve
    : grant.role !== null && ROLES.indexOf(grant.role) >= ROLES.indexOf(right);

/** Tells whether a caller has a right anywhere at all. */
export const may = ({ grants }: Caller, right: Right): boolean => grants.some((grant) => gives(grant, right));

/** Returns the scopes in which a caller has a right: null for everywhere, an empty list for nowhere. */
export function scopesOf({ grants }: Caller, right: Right): readonly Scope[] | null {
  const given = grants.filter((grant) => gives(grant, right)).map(({ scope }) => scope);
  return given.includes(null) ? null : (given as Scope[]);
}

/** Returns the scopes of what a caller may see: whoever may do anything with a thing may see it. */
export function visibleTo({ grants }: Caller): readonly Scope[] | null {
  const scopes = grants.map(({ scope }) => scope);
  return scopes.includes(null) ? null : (scopes as Scope[]);
}

/** Tells whether labels are in one of the scopes. */
export const isWithin = (
  labels: Readonly<Record<string, string>>,
  scopes: readonly Scope[] | null,
): boolean =>
  scopes === null ||
  scopes.some((scope) =>
    Object.entries(scope).every(([label, value]) => Object.hasOwn(labels, label) && labels[label] === value),
  );

/** Rights of the built-in administrator. */
export const ALL_RIGHTS: readonly Grant[] = [{ role: 'admin', approve: true, scope: null }];

/** Returns what two lists of grants both give: rights of a token, which are never above those of its maker. */
export function intersection(some: readonly Grant[], others: readonly Grant[]): Grant[] {
  return some.flatMap((one) =>
    others.flatMap((other) => {
      const scope = both(one.scope, other.scope);
      const role = lower(one.role, other.role);
      const approve = one.approve && other.approve;
      return scope === undefined || (role === null && !approve) ? [] : [{ role, approve, scope }];
    }),
  );
}

const lower = (one: Role | null, other: Role | null): Role | null =>
  one === null || other === null ? null : ROLES[Math.min(ROLES.indexOf(one), ROLES.indexOf(other))]!;

/** Returns the scope of what is in both scopes; undefined when nothing can be. */
function both(one: Scope | null, other: Scope | null): Scope | null | undefined {
  if (one === null || other === null) return one ?? other;
  const isContrary = Object.entries(other).some(
    ([label, value]) => Object.hasOwn(one, label) && one[label] !== value,
  );
  return isContrary ? undefined : { ...one, ...other };
}
