/** Pages of the console that every check of pages opens; `demo` is a service of the specs' world. */
export const PAGES: [path: string, heading: string][] = [
  ['/', 'Overview'],
  ['/services', 'Services'],
  ['/services/new', 'New service'],
  ['/services/demo', 'demo'],
  ['/services/demo/edit', 'demo'],
];

/** Pages for who is not signed in. */
export const OUTSIDE: [path: string, heading: string][] = [
  ['/login', 'Sign in'],
  ['/setup?token=x', 'Set up monscale'],
];
