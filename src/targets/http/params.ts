/** Params that actions over HTTP share. */
import { X509Certificate } from 'node:crypto';
import { validateHeaderName, validateHeaderValue } from 'node:http';
import { Flag, Text } from '../../common/fields';
import type { HttpTls } from './http-call';
import { isUrl, partsOf } from './url-parts';

export const HTTP_URL = /^https?:\/\//i;
export const HTTP_URL_HINT = 'must begin with http:// or https://';
/** Name of a header, a token of RFC 9110, 5.6.2. */
export const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Headers that say how the message is cut out of the stream; only monscale sets them. */
const FRAMING = [
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

export function TrustedCertificates(): PropertyDecorator {
  return Text({
    description: 'Certificates to trust instead of the usual ones, PEM',
    optional: true,
    maxLength: 200_000,
    check: certificateProblem,
  });
}

export class TlsParams implements HttpTls {
  @TrustedCertificates()
  ca?: string;

  @Flag({ description: "Whether the target's certificate must be good" })
  rejectUnauthorized: boolean = true;

  @Text({
    directs: 'nothing',
    description: 'Our certificate, PEM',
    optional: true,
    maxLength: 200_000,
    check: certificateProblem,
  })
  cert?: string;

  @Text({
    directs: 'nothing',
    description: 'The key of our certificate, PEM',
    secret: true,
    optional: true,
    maxLength: 20_000,
  })
  key?: string;
}

/** Returns why a text is not a certificate in PEM, as the end of a sentence. */
export function certificateProblem(pem: string): string | undefined {
  try {
    return new X509Certificate(pem).serialNumber ? undefined : 'must be a certificate in PEM';
  } catch {
    return 'must be a certificate in PEM, with its BEGIN and END lines';
  }
}

/** Returns why a text is not the address of an HTTP target, as the end of a sentence. */
export function httpUrlProblem(text: string): string | undefined {
  if (!HTTP_URL.test(text)) return HTTP_URL_HINT;
  if (!isUrl(text)) return 'is not a valid URL';
  if (partsOf(text).hasCredentials)
    return 'must not hold credentials: a URL is shown to everybody who reads it; use headers';
  return undefined;
}

/** Returns why a header can't be sent, as a sentence without its value. */
export function headerProblem(name: string, value: string): string | undefined {
  if (FRAMING.includes(name.toLowerCase())) return `the header ${name} is set by monscale alone`;
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return undefined;
  } catch {
    return `the header ${JSON.stringify(name)} has a name or value that can't be sent`;
  }
}
