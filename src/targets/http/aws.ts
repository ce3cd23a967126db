/** Shared parts of mappings that use an AWS SDK: credentials and endpoint, clients, what an error says of the deed. */
import { createHash } from 'node:crypto';
import type { FieldError } from '../../common/errors';
import { messageOf } from '../../common/errors';
import { Text } from '../../common/fields';
import { keepNewest } from '../../common/newest';
import { Permanent, Retryable } from '../outcomes';
import { HTTP_URL, HTTP_URL_HINT, httpUrlProblem } from './params';
import { NoAnswer, NotSent } from './http-call';
import { SdkHandler } from './sdk-handler';

const CLIENTS_AT_MOST = 64;

/** Params that each mapping declares by the decorators below. */
export interface AwsAccess {
  endpoint?: string;
  accessKeyId?: string;
  secretAccessKey?: string;
  sessionToken?: string;
}

/**
 * Declares the endpoint. @param service its name, as in "Where SNS answers"
 *
 * @param service its name, as in "Where SNS answers"
 */
export const Endpoint = (service: string): PropertyDecorator =>
  Text({
    description: `Where ${service} answers, if not at AWS's own address`,
    pattern: HTTP_URL,
    patternHint: HTTP_URL_HINT,
    check: httpUrlProblem,
    optional: true,
  });

/**
 * Declares the region. @param of whose region it is
 *
 * @param of whose region it is
 */
export const Region = (of: string): PropertyDecorator =>
  Text({
    description: `Region of ${of}`,
    pattern: /^[a-z]{2,}(-[a-z0-9]+)+$/,
    patternHint: 'must be a region of AWS, such as eu-west-1',
    maxLength: 50,
    example: 'eu-west-1',
  });

export const AccessKeyId = (): PropertyDecorator =>
  Text({
    description:
      'Access key; without it the default chain of AWS counts (environment, profile, role of the machine)',
    optional: true,
    minLength: 1,
    maxLength: 200,
  });

export const SecretAccessKey = (): PropertyDecorator =>
  Text({
    directs: 'nothing',
    description: 'Secret of the access key',
    secret: true,
    optional: true,
    minLength: 1,
  });

export const SessionToken = (): PropertyDecorator =>
  Text({
    directs: 'nothing',
    description: 'Session token of temporary credentials',
    secret: true,
    optional: true,
    minLength: 1,
  });

/** Returns errors where one of key and secret is missing. */
export function accessProblems({ accessKeyId, secretAccessKey, sessionToken }: AwsAccess): FieldError[] {
  if (accessKeyId !== undefined && secretAccessKey === undefined)
    return [{ pointer: '/secretAccessKey', detail: 'is required where accessKeyId is given' }];
  const hasSecret = secretAccessKey !== undefined || sessionToken !== undefined;
  if (accessKeyId !== undefined || !hasSecret) return [];
  return [{ pointer: '/accessKeyId', detail: 'is required where secretAccessKey or sessionToken is given' }];
}

/** Options for the constructor of a client. */
export interface AwsClientConfig {
  region: string;
  endpoint?: string;
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  maxAttempts: 1;
  requestHandler: SdkHandler;
}

/**
 * Clients by region and access, least recently used first. They hold credentials but no connection, so one may be
 * dropped at any time.
 */
export class AwsClients<C> {
  private readonly clients = new Map<string, C>();

  constructor(private readonly make: (config: AwsClientConfig) => C) {}

  of(region: string, { endpoint, accessKeyId, secretAccessKey, sessionToken }: AwsAccess): C {
    const parts = [region, endpoint, accessKeyId, secretAccessKey, sessionToken];
    const key = createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
    const client =
      this.clients.get(key) ??
      this.make({
        region,
        endpoint,
        credentials:
          accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey, sessionToken } : undefined,
        // The queue tries again, and writes each try down.
        maxAttempts: 1,
        requestHandler: new SdkHandler(),
      });
    keepNewest(this.clients, key, client, CLIENTS_AT_MOST);
    return client;
  }
}

/**
 * Waits for the credentials. The default chain may ask the machine for its role, which the SDK does not stop at our
 * abort.
 *
 * @throws Retryable when there are none
 */
export async function awaitCredentials(
  client: { config: { credentials: () => Promise<unknown> } },
  deed: string,
  signal: AbortSignal,
): Promise<void> {
  let stop!: () => void;
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
  });
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    await Promise.race([client.config.credentials(), stopped]);
  } catch (error) {
    throw new Retryable(`${deed} was not sent: no credentials: ${credentialWords(error)}`);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Describes missing credentials. What is wrong with a profile or a role, the SDK names in its message. */
function credentialWords(error: unknown): string {
  const message = messageOf(error).replace(/\s+/g, ' ');
  return /Could not load credentials from any providers/.test(message)
    ? 'no accessKeyId is given, and neither the environment, a profile nor the role of the machine has one'
    : message;
}

interface SdkError extends Error {
  $metadata?: { httpStatusCode?: number };
}

/**
 * Tells whether the SDK could not read an error, as what answered is no AWS: its name is then the SDK's own, or none.
 */
const isForeign = ({ name, message }: SdkError): boolean =>
  /^(Error|SyntaxError|TypeError|UnknownError|Unknown)?$/.test(name) || /Deserialization error/.test(message);

const THROTTLING = /throttl|RequestLimitExceeded|TooManyRequests|SlowDown/i;
/** Names of errors by a wrong clock. The SDK corrects its clock by the answer's date, so the next try is right. */
const CLOCK_SKEW = /^(RequestTimeTooSkewed|RequestExpired|RequestInTheFuture)/;
const SIGNED_AT_ANOTHER_TIME = /Signature (expired|not yet current)/;

/**
 * Makes the error that says what became of the deed, from an error of the SDK. The tables stand in the pages of the
 * mappings.
 *
 * @param mayBeDone makes the error for what was sent and may have been done
 */
export function awsOutcome(
  error: unknown,
  deed: string,
  service: string,
  mayBeDone: (sentence: string) => Error,
): Error {
  const { name, message, $metadata } = error as SdkError;
  if (error instanceof NotSent) {
    const sentence = `${deed} was not sent: ${message}`;
    return error.canHelp ? new Retryable(sentence) : new Permanent(sentence);
  }
  if (error instanceof NoAnswer) return mayBeDone(`${deed} was sent and not answered: ${message}`);
  const status = $metadata?.httpStatusCode;
  // The SDK's own trouble, perhaps with the answer.
  if (status === undefined) return mayBeDone(`${deed} failed: ${messageOf(error).split('\n', 1)[0]}`);
  if (status < 300) return mayBeDone(`${deed} was answered ${status}, but not as ${service} does`);
  const answered = isForeign(error as SdkError)
    ? `${deed} was answered ${status}, but not as ${service} does`
    : `${deed} was answered ${status} ${name}: ${message}`;
  const isSkew = CLOCK_SKEW.test(name) || SIGNED_AT_ANOTHER_TIME.test(message);
  if (THROTTLING.test(name) || isSkew || [408, 429, 500, 503].includes(status))
    return new Retryable(answered);
  return status > 500 ? mayBeDone(answered) : new Permanent(answered);
}
