import { withoutBrackets } from '../../common/addresses';
import { keepNewest } from '../../common/newest';

/** Parts of a URL over HTTP, as a request to it needs them. */
export interface UrlParts {
  protocol: string;
  /** Name or address, as the URL has it: IPv6 in brackets. */
  hostname: string;
  /** Host and port, as `URL.host`. */
  host: string;
  /** What is connected to; empty port for the usual one. */
  at: { hostname: string; port: string };
  path: string;
  hasCredentials: boolean;
}

/** URLs that were read last: nearly all are asked again and again, and reading one takes a tenth of a small request. */
const known = new Map<string, UrlParts>();
const KNOWN_AT_MOST = 500;
const KNOWN_CHARACTERS = 500;

/** Tells whether a text is a URL. */
export const isUrl = (text: string): boolean => known.has(text) || URL.canParse(text);

/** Returns the parts of a URL. @throws TypeError of `new URL` when it is none */
export function partsOf(text: string): UrlParts {
  const before = known.get(text);
  if (before !== undefined) return before;
  const { protocol, hostname, host, port, pathname, search, username, password } = new URL(text);
  const parts: UrlParts = Object.freeze({
    protocol,
    hostname,
    host,
    at: Object.freeze({ hostname: withoutBrackets(hostname), port }),
    path: pathname + search,
    hasCredentials: username !== '' || password !== '',
  });
  if (text.length > KNOWN_CHARACTERS) return parts;
  keepNewest(known, text, parts, KNOWN_AT_MOST);
  return parts;
}
