import { RouteConfig } from './route-config';

/** Config of a route that the audit looks at. */
export interface RouteAudit {
  /** False for a route that changes nothing, whatever its method is. */
  changes?: boolean;
}

/** Marks a route that changes nothing, though its method says so: to be refused there is no entry of the audit. */
export const ChangesNothing = () => RouteConfig({ changes: false } satisfies RouteAudit);
