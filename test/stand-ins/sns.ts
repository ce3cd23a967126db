/**
 * AWS SNS, as far as `Publish` goes, and strict about it: signature version 4, topics that exist, the rules for
 * subjects, sizes and FIFO topics. Wire format: AWS query protocol, SNS 2010-03-31.
 */
import { createHash, randomUUID } from 'node:crypto';
import { AwsQueryStandIn, Refusal, type AwsTrouble } from './aws-query';

const DEDUPLICATION_MS = 5 * 60_000;
const MESSAGE_BYTES = 262_144;
const LEGAL_ID = /^[\x21-\x7e]{1,128}$/;

export interface PublishedMessage {
  messageId: string;
  topicArn: string;
  message: string;
  subject?: string;
  attributes: Record<string, string>;
  groupId?: string;
  deduplicationId?: string;
  sequenceNumber?: string;
}

export type SnsTrouble = AwsTrouble;

export class SnsStandIn extends AwsQueryStandIn {
  readonly messages: PublishedMessage[] = [];
  private readonly topics = new Map<string, { contentBasedDeduplication: boolean }>();
  private readonly taken = new Map<string, { at: number; published: PublishedMessage }>();

  constructor(keys?: Record<string, string>) {
    super(
      { service: 'sns', version: '2010-03-31', namespace: 'http://sns.amazonaws.com/doc/2010-03-31/' },
      keys,
    );
  }

  addTopic(arn: string, { contentBasedDeduplication = false } = {}): void {
    this.topics.set(arn, { contentBasedDeduplication });
  }

  protected carryOut(action: string, form: URLSearchParams, region: string): string {
    if (action !== 'Publish') throw new Refusal(400, 'InvalidAction', 'Could not find operation');
    const { messageId, sequenceNumber } = this.publish(form, region);
    const sequence = sequenceNumber ? `<SequenceNumber>${sequenceNumber}</SequenceNumber>` : '';
    return `<MessageId>${messageId}</MessageId>${sequence}`;
  }

  private publish(form: URLSearchParams, region: string): PublishedMessage {
    const wrong = (detail: string): Refusal =>
      new Refusal(400, 'InvalidParameter', `Invalid parameter: ${detail}`);
    const topicArn = form.get('TopicArn') ?? '';
    if (topicArn.split(':')[3] !== region) throw wrong('TopicArn');
    const topic = this.topics.get(topicArn);
    if (topic === undefined) throw new Refusal(404, 'NotFound', 'Topic does not exist');
    const message = form.get('Message') ?? '';
    if (message === '') throw wrong('Empty message');
    const subject = form.get('Subject') ?? undefined;
    if (subject !== undefined && (subject === '' || subject.length >= 100 || /\p{Cc}/u.test(subject)))
      throw wrong('Subject');
    const attributes = attributesIn(form);
    if (Object.values(attributes).includes(''))
      throw wrong('The message attribute must contain non-empty message attribute value');
    const size = [
      message,
      ...Object.entries(attributes).flatMap(([name, value]) => [name, 'String', value]),
    ].join('');
    if (Buffer.byteLength(size) > MESSAGE_BYTES) throw wrong('Message too long');
    const published: PublishedMessage = { messageId: randomUUID(), topicArn, message, subject, attributes };
    const groupId = form.get('MessageGroupId') ?? undefined;
    const given = form.get('MessageDeduplicationId') ?? undefined;
    if (!topicArn.endsWith('.fifo')) {
      if (given !== undefined)
        throw wrong(
          'MessageDeduplicationId Reason: The request includes a parameter that is not valid for this topic type',
        );
      this.messages.push(published);
      return published;
    }
    if (groupId === undefined || !LEGAL_ID.test(groupId))
      throw wrong('The MessageGroupId parameter is required for FIFO topics');
    const deduplicationId = given ?? (topic.contentBasedDeduplication ? sha256(message) : undefined);
    if (deduplicationId === undefined || !LEGAL_ID.test(deduplicationId)) {
      throw wrong(
        'The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly',
      );
    }
    return this.once({ ...published, groupId, deduplicationId });
  }

  private once(message: PublishedMessage): PublishedMessage {
    const key = `${message.topicArn} ${message.deduplicationId}`;
    const before = this.taken.get(key);
    if (before && this.now() - before.at < DEDUPLICATION_MS) return before.published;
    const published = {
      ...message,
      sequenceNumber: String(10_000_000_000_000_000_000n + BigInt(this.messages.length)),
    };
    this.taken.set(key, { at: this.now(), published });
    this.messages.push(published);
    return published;
  }
}

function attributesIn(form: URLSearchParams): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (let entry = 1; form.has(`MessageAttributes.entry.${entry}.Name`); entry++) {
    const prefix = `MessageAttributes.entry.${entry}`;
    attributes[form.get(`${prefix}.Name`)!] = form.get(`${prefix}.Value.StringValue`) ?? '';
  }
  return attributes;
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
