/**
 * What a page is known to read is asked for by the first script, while the others are still on their way; whoever reads it
 * then takes the answer that is under way. A page with filters in its URL reads something else, and asks itself.
 */
import { BASE, below } from './base';
import { timed } from './clock';

/** Time after which an answer that nobody has taken is too old to be taken, milliseconds. */
const TAKEN_WITHIN_MS = 10_000;
const TIMEOUT_MS = 30_000;

const SESSION = '/api/v1/session';
const WAITING = '/api/v1/executions?status=awaiting_approval&limit=50';
const COUNTS = '/api/v1/services/counts';
const services = (phases = '') => `/api/v1/services?sort=severity${phases}&include=state&limit=50`;

/** What a page reads, by the URLs that its queries have. */
interface Reads {
  /** Without it there is nothing to be seen. */
  first: readonly string[];
  /** Asked for once the first is there: what the same server does meanwhile makes the first come later. */
  then: readonly string[];
}

/** Path of a page that has no filters -> what it reads. */
const READ: Record<string, Reads> = {
  '/': {
    first: [SESSION, services('&phase=alarm%2Cunknown%2Cpending'), COUNTS],
    then: [WAITING, '/api/v1/executions?status=unknown&limit=50'],
  },
  '/services': { first: [SESSION, services()], then: [COUNTS, WAITING] },
};
/** Most that the second waits for the first, milliseconds. */
const FIRST_WITHIN_MS = 400;
/** Pages for who is not signed in: what is below needs a session. */
const OUTSIDE = /^\/(?:login|setup)$/;

/** Key under which the browser notes that somebody is signed in: what is read before that is known is refused. */
const SIGNED_IN = `monscale-signed-in${BASE}`;

const asked = new Map<string, Promise<Response>>();

/** Asks for what the page at a path reads, where somebody was signed in before. @param path of ours, with its search */
export function askEarly(path: string): void {
  if (OUTSIDE.test(path.split('?', 1)[0]!) || !wasSignedIn()) return;
  const { first, then } = READ[path] ?? { first: [SESSION], then: [] };
  const firsts = first.map((one) => ask(one));
  const isTime = Promise.race([
    Promise.allSettled(firsts),
    new Promise((resolve) => setTimeout(resolve, FIRST_WITHIN_MS)),
  ]);
  for (const one of then) void ask(one, isTime);
  setTimeout(() => asked.clear(), TAKEN_WITHIN_MS);
}

/** @param isTime resolves when it is to be asked for; whoever wants it sooner gets it then */
function ask(path: string, isTime?: Promise<unknown>): Promise<Response> {
  const url = new URL(below(path), document.baseURI).href;
  const send = () => fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) }).then(timed);
  const answer = isTime === undefined ? send() : isTime.then(send);
  // Who takes it is told; where nobody does, nobody has to be.
  answer.catch(() => undefined);
  asked.set(url, answer);
  return answer;
}

/**
 * Returns the answer to a request that is under way already, once; undefined where it has to be asked for. After a request
 * that changes something, as signing in does, what was asked before is of no use.
 */
export function takeEarly({ method, url }: Request): Promise<Response> | undefined {
  if (method !== 'GET') asked.clear();
  const answer = asked.get(url);
  asked.delete(url);
  return answer;
}

function wasSignedIn(): boolean {
  try {
    return localStorage.getItem(SIGNED_IN) !== null;
  } catch {
    // Storage may be forbidden: then each page asks as it comes.
    return false;
  }
}

/** Notes whether somebody is signed in, for the next page that is opened. */
export function noteSession(isSignedIn: boolean): void {
  try {
    if (isSignedIn) localStorage.setItem(SIGNED_IN, '');
    else localStorage.removeItem(SIGNED_IN);
  } catch {
    // The next page begins a little later.
  }
}
