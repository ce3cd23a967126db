/** Path below which the console is served, with a slash at both ends: the server writes it into the page. */
export const BASE = new URL(document.baseURI).pathname;

/** Returns a path of ours as browsers ask for it: `/api/v1/x` below the base. */
export const below = (path: string): string => BASE + path.replace(/^\//, '');

/** Whether one may sign in by a provider (OpenID Connect): the server writes that into the page, too. */
export const HAS_PROVIDER = document.documentElement.dataset.provider === 'true';
