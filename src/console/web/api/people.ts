/** Answers about people: users, grants, tokens, sessions, and the audit of what they did. */
import type { Grant, Role, Stored } from './shapes';

export interface User extends Stored {
  name: string;
  displayName?: string;
  email?: string;
  groups: string[];
  disabled: boolean;
}

interface Rights {
  role?: Role;
  approve: boolean;
  scope?: Grant['scope'];
}

export interface StoredGrant extends Stored, Rights {
  subject: { user?: string; group?: string; token?: string; anonymous?: boolean };
}

export interface Token extends Rights {
  id: string;
  name: string;
  createdAt: string;
  expiresAt: string;
  lastUsedAt?: string;
  madeBy: string;
  /** Told once, when it is made. */
  token?: string;
}

export interface UserSession {
  id: string;
  user: string;
  current: boolean;
  address: string;
  agent: string;
  createdAt: string;
  lastUsedAt: string;
  expiresAt: string;
}

export interface AuditEntry {
  id: string;
  at: string;
  actor: string;
  via: string;
  address: string;
  action: string;
  object: { type: string; id?: string; name?: string };
  outcome: 'succeeded' | 'failed' | 'refused';
  changes: { pointer: string; before?: unknown; after?: unknown }[];
  detail?: Record<string, unknown>;
}

/** Says what a grant or a token gives: "editor for team=web, and may approve". */
export function rightsWords({ role, approve, scope }: Rights): string {
  const labels = Object.entries(scope?.labels ?? {}).map((pair) => pair.join('='));
  const where = labels.length === 0 ? 'everything' : labels.join(' and ');
  const what = [role, approve ? 'approve' : undefined].filter((one) => one !== undefined).join(' and ');
  return `${what || 'nothing'} for ${where}`;
}
