import { createHash } from 'node:crypto';
import { PublishCommand, SNSClient, type PublishCommandInput } from '@aws-sdk/client-sns';
import { Injectable } from '@nestjs/common';
import type { SelfChecking } from '../../common/check';
import { messageOf, type FieldError } from '../../common/errors';
import { Text, TextMap } from '../../common/fields';
import {
  ActionMapping,
  Ambiguous,
  Permanent,
  Retryable,
  type Action,
  type ActionContext,
  type ActionResult,
} from '../action';
import { HTTP_URL, HTTP_URL_HINT, httpUrlProblem } from '../http/params';
import { NoAnswer, NotSent } from '../http/request';
import { SdkHandler, type SdkOptions } from '../http/sdk-handler';

const TOPIC_ARN = /^arn:aws[a-z-]*:sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$/;
/** AWS SNS API reference, Publish: with the attributes. Topics that were raised to 1 MiB are held to it too. */
const MESSAGE_BYTES_AT_MOST = 262_144;
/** The same: fewer than 100. */
const SUBJECT_CHARACTERS = 99;
const GROUP_CHARACTERS = 128;
const CLIENTS_AT_MOST = 64;

export class SnsPublishParams implements SelfChecking {
  @Text({
    description: 'ARN of the topic; its region is where it is sent. A FIFO topic ends in .fifo',
    pattern: TOPIC_ARN,
    patternHint: 'must be the ARN of an SNS topic, such as arn:aws:sns:eu-west-1:123456789012:scaling',
    example: 'arn:aws:sns:eu-west-1:123456789012:scaling',
  })
  topicArn: string;

  @Text({
    description: 'The message',
    template: 'text',
    minLength: 1,
    maxLength: 100_000,
    example: '{{ service.name }}: {{ trigger.justification }}',
  })
  message: string;

  @Text({
    description: 'Subject, for subscribers by e-mail; one line of at most 99 characters is made of it',
    template: 'text',
    optional: true,
    example: '{{ service.name }} scales',
  })
  subject?: string;

  @TextMap({
    description: 'Attributes of the message, of type String; empty ones are left out',
    template: 'text',
    keys: /^(?!aws\.|amazon\.)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/i,
    optional: true,
    example: { service: '{{ service.name }}' },
  })
  messageAttributes?: Record<string, string>;

  @Text({
    description: "Where SNS answers, if not at AWS's own address",
    pattern: HTTP_URL,
    patternHint: HTTP_URL_HINT,
    check: httpUrlProblem,
    optional: true,
  })
  endpoint?: string;

  @Text({
    description:
      'Access key; without it the default chain of AWS counts (environment, profile, role of the machine)',
    optional: true,
    minLength: 1,
    maxLength: 200,
  })
  accessKeyId?: string;

  @Text({ description: 'Secret of the access key', secret: true, optional: true, minLength: 1 })
  secretAccessKey?: string;

  @Text({ description: 'Session token of temporary credentials', secret: true, optional: true, minLength: 1 })
  sessionToken?: string;

  problems(): FieldError[] {
    const detail = 'is required where accessKeyId is given';
    if (this.accessKeyId !== undefined && this.secretAccessKey === undefined)
      return [{ pointer: '/secretAccessKey', detail }];
    const hasSecret = this.secretAccessKey !== undefined || this.sessionToken !== undefined;
    if (this.accessKeyId !== undefined || !hasSecret) return [];
    return [
      { pointer: '/accessKeyId', detail: 'is required where secretAccessKey or sessionToken is given' },
    ];
  }
}

@ActionMapping({
  type: 'sns_publish',
  title: 'AWS SNS message',
  description: 'Publishes a message to a topic of AWS SNS',
  params: SnsPublishParams,
})
@Injectable()
export class SnsPublish implements Action<SnsPublishParams> {
  /** Least recently used first. They hold credentials but no connection, so one may be dropped at any time. */
  private readonly clients = new Map<string, SNSClient>();

  async execute(params: SnsPublishParams, context: ActionContext): Promise<ActionResult> {
    const { topicArn } = params;
    const input = inputOf(params, context);
    const problem = inputProblem(input);
    if (problem) throw new Permanent(`publish to ${topicArn} can't be sent: ${problem}`);
    const client = this.clientFor(params);
    await credentialsOf(client, topicArn, context.signal);
    try {
      const options: SdkOptions = { signal: context.signal };
      const { MessageId } = await client.send(new PublishCommand(input), options);
      if (MessageId === undefined)
        throw new NoAnswer('what came back holds no message id; is the endpoint SNS?');
      return { detail: `message id ${MessageId}` };
    } catch (error) {
      throw outcomeOf(error, `publish to ${topicArn}`, isFifo(topicArn));
    }
  }

  preview(params: SnsPublishParams, context: ActionContext): object {
    const { endpoint, topicArn } = params;
    return { endpoint: endpoint ?? `the default one of ${regionOf(topicArn)}`, ...inputOf(params, context) };
  }

  /** A FIFO topic takes a deduplication id once in 5 minutes; a standard topic publishes as often as it is told. */
  idempotent({ topicArn }: SnsPublishParams): boolean {
    return isFifo(topicArn);
  }

  private clientFor({
    topicArn,
    endpoint,
    accessKeyId,
    secretAccessKey,
    sessionToken,
  }: SnsPublishParams): SNSClient {
    const region = regionOf(topicArn);
    const parts = [region, endpoint, accessKeyId, secretAccessKey, sessionToken];
    const key = createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
    const client =
      this.clients.get(key) ??
      new SNSClient({
        region,
        endpoint,
        credentials:
          accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey, sessionToken } : undefined,
        // The queue tries again, and writes each try down.
        maxAttempts: 1,
        requestHandler: new SdkHandler(),
      });
    this.clients.delete(key);
    this.clients.set(key, client);
    const [oldest] = this.clients.keys();
    if (this.clients.size > CLIENTS_AT_MOST) this.clients.delete(oldest!);
    return client;
  }
}

const regionOf = (arn: string): string => TOPIC_ARN.exec(arn)![1]!;
const isFifo = (arn: string): boolean => arn.endsWith('.fifo');

function inputOf(params: SnsPublishParams, { executionId, variables }: ActionContext): PublishCommandInput {
  const { topicArn, message, subject, messageAttributes = {} } = params;
  const attributes = Object.entries(messageAttributes)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => [name, { DataType: 'String', StringValue: String(value) }] as const);
  return {
    TopicArn: topicArn,
    Message: message,
    Subject: subject === undefined ? undefined : legalSubject(subject),
    MessageAttributes: attributes.length > 0 ? Object.fromEntries(attributes) : undefined,
    ...(isFifo(topicArn) ? { MessageGroupId: groupOf(variables), MessageDeduplicationId: executionId } : {}),
  };
}

/** Undefined when nothing is left: SNS refuses an empty one. */
function legalSubject(text: string): string | undefined {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  // A pair of surrogates isn't cut in two.
  return line.slice(0, SUBJECT_CHARACTERS).replace(/[\uD800-\uDBFF]$/, '') || undefined;
}

/** The messages of one service keep their order. */
function groupOf({ service }: Record<string, unknown>): string {
  const { id, name } = (service ?? {}) as { id?: string; name?: string };
  return (id ?? name ?? 'monscale').replace(/[^\x21-\x7e]/g, '_').slice(0, GROUP_CHARACTERS);
}

function inputProblem({ Message = '', MessageAttributes = {} }: PublishCommandInput): string | undefined {
  if (Message === '') return 'the message is empty';
  const attributes = Object.entries(MessageAttributes).flatMap(([name, { DataType, StringValue }]) => [
    name,
    DataType,
    StringValue,
  ]);
  const bytes = Buffer.byteLength([Message, ...attributes].join(''));
  return bytes > MESSAGE_BYTES_AT_MOST
    ? `with its attributes it has ${bytes} bytes, and SNS takes ${MESSAGE_BYTES_AT_MOST}`
    : undefined;
}

/** The default chain may ask the machine for its role, which the SDK does not stop when we are told to. */
async function credentialsOf(client: SNSClient, topicArn: string, signal: AbortSignal): Promise<void> {
  let stop!: () => void;
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
  });
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    await Promise.race([client.config.credentials(), stopped]);
  } catch (error) {
    throw new Retryable(`publish to ${topicArn} was not sent: no credentials: ${messageOf(error)}`);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

interface SdkError extends Error {
  $metadata?: { httpStatusCode?: number };
}

const THROTTLING = /throttl|RequestLimitExceeded|TooManyRequests|SlowDown/i;
/** The SDK sets its clock by the answer's date, so the next try is right. */
const CLOCK_SKEW = /^(RequestTimeTooSkewed|RequestExpired|RequestInTheFuture)/;
const SIGNED_AT_ANOTHER_TIME = /Signature (expired|not yet current)/;

/** See docs/actions/sns_publish.md for the table. The SDK's `$retryable` is never set by SNS. */
function outcomeOf(error: unknown, deed: string, fifo: boolean): Error {
  const { name, message, $metadata } = error as SdkError;
  if (error instanceof NotSent) {
    const sentence = `${deed} was not sent: ${message}`;
    return error.canHelp ? new Retryable(sentence) : new Permanent(sentence);
  }
  if (error instanceof NoAnswer) return mayBeDone(`${deed} was sent and not answered: ${message}`, fifo);
  const status = $metadata?.httpStatusCode;
  // The SDK's own trouble, perhaps with the answer.
  if (status === undefined) return mayBeDone(`${deed} failed: ${name}: ${message}`, fifo);
  if (status < 300) return mayBeDone(`${deed} was answered ${status}, but not as SNS does`, fifo);
  const answered = `${deed} was answered ${status} ${name}: ${message}`;
  const isSkew = CLOCK_SKEW.test(name) || SIGNED_AT_ANOTHER_TIME.test(message);
  if (THROTTLING.test(name) || isSkew || [408, 429, 500, 503].includes(status))
    return new Retryable(answered);
  return status > 500 ? mayBeDone(answered, fifo) : new Permanent(answered);
}

function mayBeDone(sentence: string, fifo: boolean): Error {
  return fifo
    ? new Retryable(`${sentence}; it is retried with the same deduplication id`)
    : new Ambiguous(`${sentence}; it may have been published`);
}
