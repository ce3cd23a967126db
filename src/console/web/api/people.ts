/** Answers about people: users, grants, tokens, sessions, and the audit of what they did. */
import type { Shape } from './shapes';

export type User = Shape<'User'>;
export type StoredGrant = Shape<'Grant'>;
/** A token; one that was just made is told with it, once. */
export type Token = Shape<'Token'> & Partial<Pick<Shape<'NewToken'>, 'token'>>;
export type UserSession = Shape<'Session'>;
export type AuditEntry = Shape<'AuditEntry'>;
type Rights = Pick<StoredGrant, 'role' | 'approve' | 'scope'>;

/** Says what a grant or a token gives: "editor for team=web, and may approve". */
export function rightsWords({ role, approve, scope }: Rights): string {
  const labels = Object.entries(scope?.labels ?? {}).map((pair) => pair.join('='));
  const where = labels.length === 0 ? 'everything' : labels.join(' and ');
  const what = [role, approve ? 'approve' : undefined].filter((one) => one !== undefined).join(' and ');
  return `${what || 'nothing'} for ${where}`;
}
