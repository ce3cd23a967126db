import { HTTP_URL, HTTP_URL_HINT, httpUrlProblem } from './params';

/** Returns why a text is not the origin of an appliance or API (`https://host[:port]`), as the end of a sentence. */
export function originProblem(text: string): string | undefined {
  const problem = httpUrlProblem(text);
  if (problem) return problem;
  const { pathname, search, hash } = new URL(text);
  return pathname === '/' && !search && !hash
    ? undefined
    : 'must end after host and port, such as https://host:8443: the path is added';
}

/** Options of a field that takes an origin. */
export const ORIGIN = { pattern: HTTP_URL, patternHint: HTTP_URL_HINT, check: originProblem, minLength: 1 };

/** Returns the origin without the slash a URL may end in. */
export const originOf = (text: string): string => new URL(text).origin;
