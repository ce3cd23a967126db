import { get } from 'node:https';
import { X509Certificate, type KeyObject } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Forbidden, messageOf, Unavailable } from '../../common/errors';
import { keepNewest } from '../../common/newest';

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 64 * 1024;
const MAX_KEPT = 100;
const KEPT_MS = 3_600_000;
/** Statuses below 500 that are about now, and not about what was asked for: a time-out, too early, too many. */
const PASSING = [408, 425, 429];

/** Hosts of SNS, in China too; no other host is ever requested. */
const SNS_HOST = /^sns\.[a-z0-9-]{1,40}\.amazonaws\.com(?:\.cn)?$/;

/**
 * Returns the URL if it is an address at SNS.
 *
 * @throws Forbidden when it is another one
 */
export function snsUrl(given: unknown, name: string): URL {
  const url = typeof given === 'string' && URL.canParse(given) ? new URL(given) : undefined;
  const isSns =
    url !== undefined &&
    url.protocol === 'https:' &&
    SNS_HOST.test(url.hostname) &&
    url.port === '' &&
    url.username + url.password === '';
  if (!isSns)
    throw new Forbidden(`${name} is no https address of sns.<region>.amazonaws.com; it was not asked`);
  return url;
}

/** Requests to SNS, with a cache of the keys of its certificates: an hour, a hundred at most. */
@Injectable()
export class SnsWeb {
  private readonly keys = new Map<string, { key: Promise<KeyObject>; until: number }>();

  /**
   * Returns the public key of the certificate at a SigningCertURL.
   *
   * @throws Forbidden, Unavailable
   */
  async signingKey(given: unknown, now: Date): Promise<KeyObject> {
    const url = snsUrl(given, 'SigningCertURL');
    if (!/^\/[\w./-]{1,200}\.pem$/.test(url.pathname) || url.search !== '')
      throw new Forbidden('SigningCertURL names no certificate');
    const kept = this.keys.get(url.href);
    if (kept !== undefined && kept.until > now.getTime()) return kept.key;
    const key = this.get(url).then(({ status, body }) => keyIn(status, body));
    keepNewest(this.keys, url.href, { key, until: now.getTime() + KEPT_MS }, MAX_KEPT);
    // Asked again the next time.
    key.catch(() => this.keys.delete(url.href));
    return key;
  }

  /**
   * Confirms a subscription at its SubscribeURL.
   *
   * @throws Forbidden, Unavailable
   */
  async confirm(given: unknown): Promise<void> {
    const url = snsUrl(given, 'SubscribeURL');
    if (url.searchParams.get('Action') !== 'ConfirmSubscription')
      throw new Forbidden('SubscribeURL confirms no subscription; it was not asked');
    const { status } = await this.get(url);
    if (status !== 200) throw new Unavailable(`SNS answered ${status} when the subscription was confirmed`);
  }

  /**
   * Requests a URL; does not follow redirects.
   *
   * @throws Unavailable when nothing comes back
   */
  protected get(url: URL): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) =>
        reject(new Unavailable(`${url.hostname} can't be asked: ${messageOf(error)}`, 5, { cause: error }));
      const request = get(url, { signal: AbortSignal.timeout(TIMEOUT_MS), ...this.options() }, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
          if (body.length > MAX_BYTES) request.destroy(new Error(`it answered more than ${MAX_BYTES} bytes`));
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
        response.on('error', fail);
      });
      request.on('error', fail);
    });
  }

  /** Returns further options of requests; a stand-in in tests overrides it. */
  protected options(): object {
    return {};
  }
}

/** @throws Unavailable when SNS can't tell now, so that the message is sent again; Forbidden when there is none */
function keyIn(status: number, body: string): KeyObject {
  if (status >= 500 || PASSING.includes(status))
    throw new Unavailable(`SNS answered ${status} when it was asked for its certificate`, 5);
  if (status === 200) {
    try {
      return new X509Certificate(body).publicKey;
    } catch {
      // Said below.
    }
  }
  throw new Forbidden(`there is no certificate at SigningCertURL (answered ${status})`);
}
