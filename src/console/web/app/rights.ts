import { useQuery } from '@tanstack/react-query';
import { sessionQuery } from '../api/queries';
import type { Grant, Right, Session } from '../api/shapes';

const ROLES = ['viewer', 'operator', 'editor', 'admin'] as const;

const gives = (grant: Grant, right: Right): boolean =>
  right === 'approve'
    ? grant.approve
    : grant.role !== null && ROLES.indexOf(grant.role) >= ROLES.indexOf(right);

/**
 * Tells whether a session has a right.
 *
 * @param labels of the thing in question; undefined: for anything at all
 */
export function may(session: Session, right: Right, labels?: Record<string, string>): boolean {
  return session.rights.grants.some(
    (grant) =>
      gives(grant, right) &&
      (labels === undefined ||
        Object.entries(grant.scope?.labels ?? {}).every(([key, value]) => labels[key] === value)),
  );
}

/** Tells whether a session has a right for everything: for what has no labels. */
export const mayWhole = (session: Session, right: Right): boolean =>
  session.rights.grants.some((grant) => grant.scope === undefined && gives(grant, right));

/** Who is signed in; below the shell somebody is. */
export function useSession(): Session {
  const { data } = useQuery(sessionQuery);
  if (data === undefined) throw new Error('nobody is signed in');
  return data;
}

/** What is not allowed is not offered: buttons and pages ask here. */
export const useMay = (right: Right, labels?: Record<string, string>): boolean =>
  may(useSession(), right, labels);

export const useMayWhole = (right: Right): boolean => mayWhole(useSession(), right);
