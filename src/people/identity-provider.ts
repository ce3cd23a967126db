import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import * as client from 'openid-client';
import { BadGateway, messageOf, Unavailable } from '../common/errors';
import type { OidcConfig } from '../config/config';
import { NoAnswer, NotSent } from '../targets/http/http-call';
import { askWhole } from '../targets/http/request';

/** Time limit of each request to the provider, and most bytes of an answer. */
const TIMEOUT_MS = 5_000;
const BYTES_AT_MOST = 1024 * 1024;
/** Time after which the provider's metadata are read anew, and pause after they could not be. */
const FRESH_MS = 3_600_000;
const FAILED_MS = 2_000;
/** Largest difference of clocks, seconds. */
const CLOCK_TOLERANCE_SECONDS = 300;
const REASON_CHARACTERS = 300;
/** Statuses whose answers have no body (Fetch, null body status). */
const BODILESS = [101, 204, 205, 304];

/**
 * The provider that people sign in by (OpenID Connect). Its metadata are read when they are needed first, and kept for
 * an hour and for as long as it does not answer: a provider that is dead stops nothing else.
 */
@Injectable()
export class IdentityProvider {
  private known?: { metadata: client.Configuration; until: number };
  private reading?: Promise<client.Configuration>;

  /** @throws Unavailable when it does not answer; BadGateway when it answers nonsense */
  async metadata(oidc: OidcConfig): Promise<client.Configuration> {
    if (this.known !== undefined && performance.now() < this.known.until) return this.known.metadata;
    this.reading ??= this.read(oidc);
    try {
      return await this.reading;
    } catch (error) {
      if (this.known === undefined) throw error;
      return this.known.metadata;
    }
  }

  private read(oidc: OidcConfig): Promise<client.Configuration> {
    const reading = discover(oidc);
    reading.then(
      (metadata) => {
        this.known = { metadata, until: performance.now() + FRESH_MS };
        this.reading = undefined;
      },
      // However many ask, it is asked again after a pause.
      () => void sleep(FAILED_MS, undefined, { ref: false }).then(() => (this.reading = undefined)),
    );
    return reading;
  }
}

function discover({ issuer, clientId, clientSecret }: OidcConfig): Promise<client.Configuration> {
  const metadata = { [client.clockTolerance]: CLOCK_TOLERANCE_SECONDS };
  const auth = clientSecret === undefined ? client.None() : bySecret(clientSecret);
  // Only loopback may do without TLS, as the configuration was checked.
  const insecure = issuer.startsWith('http:') ? [client.allowInsecureRequests] : [];
  return asked(issuer, () =>
    client.discovery(new URL(issuer), clientId, metadata, auth, {
      [client.customFetch]: guardedFetch,
      timeout: TIMEOUT_MS / 1000,
      execute: [client.enableNonRepudiationChecks, ...insecure],
    }),
  );
}

/** Sends the secret as the provider wants it: in the header where it does not say. */
function bySecret(secret: string): client.ClientAuth {
  const [basic, post] = [client.ClientSecretBasic(secret), client.ClientSecretPost(secret)];
  return (server, ...request) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    const isPost = !methods.includes('client_secret_basic') && methods.includes('client_secret_post');
    (isPost ? post : basic)(server, ...request);
  };
}

/**
 * Asks the provider, and words what goes wrong without what was sent.
 *
 * @throws Unavailable when it does not answer; BadGateway when it answers nonsense or a refusal
 */
export async function asked<T>(issuer: string, question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    const silence = causeOf(error);
    if (silence !== undefined)
      throw new Unavailable(`the provider ${issuer} does not answer: ${silence}`, 5, { cause: error });
    throw new BadGateway(`the provider ${issuer} gave no answer that can be used: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/** Returns why there was no answer at all; undefined when there was one. */
function causeOf(error: unknown): string | undefined {
  for (let one: unknown = error, depth = 0; one instanceof Error && depth < 5; one = one.cause, depth++) {
    if (one instanceof NotSent || one instanceof NoAnswer) return one.message;
    if ((one as { code?: string }).code === 'OAUTH_TIMEOUT') return `no answer in ${TIMEOUT_MS / 1000} s`;
  }
  return undefined;
}

/** Returns the reason of a refusal or of what the library found wrong. */
function reasonOf(error: unknown): string {
  if (error instanceof client.ResponseBodyError) {
    const { error: code, error_description: description = '', status } = error;
    return printable(`${status} ${code} ${description}`);
  }
  return printable(error instanceof Error ? error.message : messageOf(error));
}

/** Returns what a stranger said, as part of a sentence. */
export const printable = (text: string): string =>
  text
    .slice(0, REASON_CHARACTERS)
    .replace(/[^\x20-\x7e]/g, '?')
    .trim();

/** Fetch of the library by this program's own requests: guarded addresses, own look-ups, bounded answers. */
const guardedFetch: client.CustomFetch = async (url, { method, headers, body, signal }) => {
  const limit = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ...(signal === undefined ? [] : [signal])]);
  const request = { method, url, headers, body: bytesOf(body), keepAlive: false };
  const answer = await askWhole(request, limit, BYTES_AT_MOST);
  const content = BODILESS.includes(answer.status) ? null : new Uint8Array(answer.body);
  return new Response(content, { status: answer.status, headers: answer.headers });
};

function bytesOf(body: client.FetchBody): Buffer | undefined {
  if (body === null || body === undefined) return undefined;
  if (typeof body === 'string' || body instanceof URLSearchParams) return Buffer.from(body.toString());
  if (body instanceof Uint8Array || body instanceof ArrayBuffer) return Buffer.from(body as Uint8Array);
  throw new Error('a body of this kind is not sent');
}
