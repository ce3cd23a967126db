/** The API, typed by its own description (`npm run api:types`). */
import createClient from 'openapi-fetch';
import { timed } from '../app/clock';
import { BASE } from '../app/base';
import { noteSession, takeEarly } from '../app/early';
import { noteLife } from '../app/life';
import { signedInAgain } from '../app/sign-in-again';
import { Problem, problemOf, UNREACHABLE } from './problem';
import type { paths } from './schema';

/** Time within which every answer must come, milliseconds. */
const TIMEOUT_MS = 30_000;

export const client = createClient<paths>({
  baseUrl: BASE.slice(0, -1),
  fetch: (request) => send(request, true),
  querySerializer: { array: { style: 'form', explode: true } },
});

/** Sends a request; where the session has ended, waits for the person to sign in, and sends it again. */
async function send(request: Request, mayWait: boolean): Promise<Response> {
  const again = request.clone();
  const response = await (takeEarly(request) ??
    fetch(request, { signal: AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS)]) }).then(
      timed,
    ));
  // A proxy says 502 and 504 for a server that is away.
  if (response.status !== 502 && response.status !== 504) noteLife();
  if (isSigningIn(request) && (response.ok || response.status === 401))
    noteSession(response.ok && request.method !== 'DELETE');
  if (response.status === 401 && mayWait && !isSigningIn(request) && (await signedInAgain()))
    return send(again, false);
  return response;
}

/** Tells whether a request is about being signed in: it asks, signs in, or signs out. */
const isSigningIn = ({ url }: Request): boolean => /\/api\/v1\/(session|setup)$/.test(new URL(url).pathname);

interface Sent {
  data?: unknown;
  error?: unknown;
  response: Response;
}

/**
 * Waits for an answer and returns its body.
 *
 * @throws Problem
 */
export async function answer<T>(sent: Promise<Sent>): Promise<T> {
  const { data, error, response } = await whatever(sent);
  if (!response.ok) throw problemOf(response.status, error);
  return data as T;
}

/** The same, with the version that the answer bears. */
export async function versioned<T>(sent: Promise<Sent>): Promise<{ body: T; etag: string | null }> {
  const reply = await whatever(sent);
  if (!reply.response.ok) throw problemOf(reply.response.status, reply.error);
  return { body: reply.data as T, etag: reply.response.headers.get('ETag') };
}

async function whatever(sent: Promise<Sent>): Promise<Sent> {
  try {
    return await sent;
  } catch (error) {
    if (error instanceof Problem) throw error;
    // No connection, no answer in time, or one that is no JSON.
    throw new Problem(0, UNREACHABLE);
  }
}
