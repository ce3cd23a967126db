/** Pages of the console that the check of pages opens, in the world of `things.ts`. */
import { ODD } from './things';

/** Ids of things that have no name. */
interface Ids {
  /** Of `broken`. */
  execution: string;
  silence: string;
}

export const pagesOf = ({ execution, silence }: Ids): [path: string, heading: string][] => [
  ['/', 'Overview'],
  ['/services', 'Services'],
  ['/services/new', 'New service'],
  ['/services/demo', 'demo'],
  ['/services/demo/edit', 'demo'],
  ['/services/demo/view', 'demo'],
  ['/actions', 'Actions'],
  ['/actions/new', 'New action'],
  [`/actions/${encodeURIComponent(ODD)}`, ODD],
  [`/actions/${encodeURIComponent(ODD)}/edit`, ODD],
  [`/actions/${encodeURIComponent(ODD)}/view`, ODD],
  ['/executions?status=failed', 'Executions'],
  [`/executions/${execution}`, 'Execution of broken'],
  ['/approvals', 'Approvals'],
  ['/infrastructures', 'Infrastructures'],
  ['/infrastructures/new', 'New infrastructure'],
  ['/infrastructures/web', 'web'],
  ['/infrastructures/web/edit', 'web'],
  ['/infrastructures/web/view', 'web'],
  ['/alerts', 'Alerts'],
  ['/sources', 'Sources'],
  ['/sources/new', 'New source'],
  ['/sources/prometheus', 'prometheus'],
  ['/sources/prometheus/edit', 'prometheus'],
  ['/sources/prometheus/view', 'prometheus'],
  ['/silences', 'Silences'],
  ['/silences/new?label=team%3Dshop', 'New silence'],
  [`/silences/${silence}`, 'Change a silence'],
  ['/contacts', 'Contacts'],
  ['/contacts/new', 'New contact'],
  ['/contacts/on call', 'on call'],
  ['/contacts/on call/edit', 'on call'],
  ['/contacts/on call/view', 'on call'],
  ['/import', 'Import and export'],
  ['/people', 'People'],
  ['/people/new', 'New user'],
  ['/people/anna', 'anna'],
  ['/people/anna/view', 'anna'],
  ['/account', 'Your account'],
  ['/audit', 'Audit'],
  ['/system', 'System'],
];

/** Pages for who is not signed in. */
export const OUTSIDE: [path: string, heading: string][] = [
  ['/login', 'Sign in'],
  ['/setup?token=x', 'Set up monscale'],
];
