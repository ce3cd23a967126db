/** Returns a path of ours to go to; `/` for whatever is none, so that no link leads elsewhere through us. */
export function ownPath(given: unknown): string {
  if (typeof given !== 'string' || !given.startsWith('/')) return '/';
  const url = new URL(given, window.location.origin);
  return url.origin === window.location.origin ? url.pathname + url.search : '/';
}
