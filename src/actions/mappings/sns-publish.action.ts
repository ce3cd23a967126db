import { PublishCommand, SNSClient, type PublishCommandInput } from '@aws-sdk/client-sns';
import { Injectable } from '@nestjs/common';
import type { SelfChecking } from '../../common/check';
import type { FieldError } from '../../common/errors';
import { Text, TextMap } from '../../common/fields';
import {
  accessProblems,
  AccessKeyId,
  awaitCredentials,
  AwsClients,
  awsOutcome,
  Endpoint,
  SecretAccessKey,
  SessionToken,
} from '../../targets/http/aws';
import { hostIn } from '../../targets/http/host';
import { NoAnswer } from '../../targets/http/http-call';
import type { SdkOptions } from '../../targets/http/sdk-handler';
import {
  ActionMapping,
  Ambiguous,
  Permanent,
  type Action,
  type ActionContext,
  type ActionResult,
} from '../action';

/** Returns partition, region and account of an ARN. */
const ownerOf = (arn: unknown): unknown =>
  typeof arn === 'string' ? arn.split(':').slice(0, 5).join(':') : arn;

const TOPIC_ARN = /^arn:aws[a-z-]*:sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$/;
/**
 * Largest message with its attributes, bytes (AWS SNS API reference, Publish). Applies also to topics whose limit was
 * raised to 1 MiB.
 */
const MESSAGE_BYTES_AT_MOST = 262_144;
/** Longest subject, characters (same page: fewer than 100). */
const SUBJECT_CHARACTERS = 99;
const GROUP_CHARACTERS = 128;

export class SnsPublishParams implements SelfChecking {
  @Text({
    directs: ownerOf,
    description: 'ARN of the topic; its region is where it is sent. A FIFO topic ends in .fifo',
    pattern: TOPIC_ARN,
    patternHint: 'must be the ARN of an SNS topic, such as arn:aws:sns:eu-west-1:123456789012:scaling',
    example: 'arn:aws:sns:eu-west-1:123456789012:scaling',
  })
  topicArn: string;

  @Text({
    directs: 'nothing',
    description: 'The message',
    template: 'text',
    minLength: 1,
    maxLength: 100_000,
    example: '{{ service.name }}: {{ trigger.justification }}',
  })
  message: string;

  @Text({
    directs: 'nothing',
    description: 'Subject, for subscribers by e-mail; one line of at most 99 characters is made of it',
    template: 'text',
    optional: true,
    example: '{{ service.name }} scales',
  })
  subject?: string;

  @TextMap({
    directs: 'nothing',
    description: 'Attributes of the message, of type String; empty ones are left out',
    template: 'text',
    keys: /^(?!aws\.|amazon\.)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/i,
    optional: true,
    example: { service: '{{ service.name }}' },
  })
  messageAttributes?: Record<string, string>;

  @Endpoint('SNS')
  endpoint?: string;

  @AccessKeyId()
  accessKeyId?: string;

  @SecretAccessKey()
  secretAccessKey?: string;

  @SessionToken()
  sessionToken?: string;

  problems(): FieldError[] {
    return accessProblems(this);
  }
}

@ActionMapping({
  type: 'sns_publish',
  title: 'AWS SNS message',
  description: 'Publishes a message to a topic of AWS SNS',
  params: SnsPublishParams,
  capacity: 'none',
})
@Injectable()
export class SnsPublish implements Action<SnsPublishParams> {
  private readonly clients = new AwsClients((config) => new SNSClient(config));

  async execute(params: SnsPublishParams, context: ActionContext): Promise<ActionResult> {
    const { topicArn } = params;
    const input = inputOf(params, context);
    const problem = inputProblem(input);
    if (problem) throw new Permanent(`publish to ${topicArn} can't be sent: ${problem}`);
    const client = this.clients.of(regionOf(topicArn), params);
    await awaitCredentials(client, `publish to ${topicArn}`, context.signal);
    try {
      const options: SdkOptions = { signal: context.signal };
      const { MessageId } = await client.send(new PublishCommand(input), options);
      // Also an empty one: XML whose entities nobody resolves is none of SNS.
      if (!MessageId) throw new NoAnswer('what came back holds no message id; is the endpoint SNS?');
      return { detail: `message id ${MessageId}` };
    } catch (error) {
      throw awsOutcome(error, `publish to ${topicArn}`, 'SNS', mayBeDone);
    }
  }

  preview(params: SnsPublishParams, context: ActionContext): object {
    const { endpoint, topicArn } = params;
    return { endpoint: endpoint ?? `the default one of ${regionOf(topicArn)}`, ...inputOf(params, context) };
  }

  target({ endpoint, topicArn }: SnsPublishParams): string | undefined {
    return endpoint === undefined ? `sns.${regionOf(topicArn)}.amazonaws.com` : hostIn(endpoint);
  }

  /**
   * Tells whether the topic is FIFO: it accepts a deduplication id once in 5 minutes. A standard topic publishes every
   * request.
   */
  idempotent({ topicArn }: SnsPublishParams): boolean {
    return isFifo(topicArn);
  }

  /** Returns 240 seconds: 5 minutes, less what an attempt and a difference between clocks may take. */
  knowsKeySeconds(): number {
    return 240;
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

/** Returns a text as a valid subject; undefined when nothing is left, since SNS refuses an empty one. */
function legalSubject(text: string): string | undefined {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  // A pair of surrogates isn't cut in two.
  return line.slice(0, SUBJECT_CHARACTERS).replace(/[\uD800-\uDBFF]$/, '') || undefined;
}

/** Returns the message group: messages of one service keep their order. */
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

/**
 * Returns the error for a publish whose outcome is unknown. For a FIFO topic the executor may still retry, within
 * `knowsKeySeconds`.
 */
const mayBeDone = (sentence: string): Error => new Ambiguous(`${sentence}; it may have been published`);
