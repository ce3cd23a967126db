/**
 * AWS SNS, as far as `Publish` goes, and strict about it: signature version 4, topics that exist, the rules for
 * subjects, sizes and FIFO topics. Wire format: AWS query protocol, SNS 2010-03-31.
 */
import { createHash, createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const NAMESPACE = 'http://sns.amazonaws.com/doc/2010-03-31/';
const SKEW_MS = 15 * 60_000;
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

/** How a request is misbehaved to. */
export interface SnsTrouble {
  latencyMs?: number;
  /** Answered instead of publishing. */
  status?: number;
  code?: string;
  /** Answered instead of publishing, as it is, with `status`. */
  raw?: string;
  /** The message is published, then the connection cut. */
  dropAfter?: boolean;
  /** The message is published, and no answer comes. */
  hangAfter?: boolean;
}

class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export class SnsStandIn {
  readonly messages: PublishedMessage[] = [];
  /** One for each request to come; those after behave well. */
  readonly next: SnsTrouble[] = [];
  /** Requests that came, refused ones included. */
  requests = 0;
  /** What the server's clock says, for signatures of another time. */
  now = (): number => Date.now();
  private readonly topics = new Map<string, { contentBasedDeduplication: boolean }>();
  private readonly taken = new Map<string, { at: number; published: PublishedMessage }>();
  private readonly server: Server = createServer((request, response) => {
    void this.answer(request, response).catch(() => request.socket.destroy());
  });

  /** @param keys secrets by access key id */
  constructor(private readonly keys: Record<string, string> = { AKIDEXAMPLE: 'secret' }) {}

  addTopic(arn: string, { contentBasedDeduplication = false } = {}): void {
    this.topics.set(arn, { contentBasedDeduplication });
  }

  async start(port = 0): Promise<string> {
    this.server.listen(port, '127.0.0.1');
    await once(this.server, 'listening');
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    this.requests += 1;
    const trouble = this.next.shift() ?? {};
    if (trouble.latencyMs) await new Promise((resolve) => setTimeout(resolve, trouble.latencyMs).unref());
    const reply = (status: number, text: string): void => {
      response
        .writeHead(status, { 'content-type': 'text/xml', date: new Date(this.now()).toUTCString() })
        .end(text);
    };
    try {
      if (trouble.raw !== undefined) return reply(trouble.status ?? 200, trouble.raw);
      if (trouble.status !== undefined)
        throw new Refusal(trouble.status, trouble.code ?? 'InternalError', 'as it was told');
      const region = this.regionOfSigner(request, body);
      const published = this.publish(new URLSearchParams(body.toString()), region);
      if (trouble.dropAfter) return void request.socket.destroy();
      if (trouble.hangAfter) return;
      const sequence = published.sequenceNumber
        ? `<SequenceNumber>${published.sequenceNumber}</SequenceNumber>`
        : '';
      const result = `<PublishResult><MessageId>${published.messageId}</MessageId>${sequence}</PublishResult>`;
      reply(200, `<PublishResponse xmlns="${NAMESPACE}">${result}${METADATA()}</PublishResponse>`);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { status, code, message } = error;
      const type = status < 500 ? 'Sender' : 'Receiver';
      const detail = `<Error><Type>${type}</Type><Code>${code}</Code><Message>${escaped(message)}</Message></Error>`;
      reply(
        status,
        `<ErrorResponse xmlns="${NAMESPACE}">${detail}<RequestId>${randomUUID()}</RequestId></ErrorResponse>`,
      );
    }
  }

  /** Verifies signature version 4. @returns the region it was made for */
  private regionOfSigner({ method, url, headers }: IncomingMessage, body: Buffer): string {
    const header = (name: string): string => String(headers[name] ?? '');
    const [, id = '', day, region = '', service, signedHeaders = '', signature = ''] =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
        header('authorization'),
      ) ?? [];
    if (!id) throw new Refusal(403, 'MissingAuthenticationToken', 'Request is missing Authentication Token');
    const secret = this.keys[id];
    if (secret === undefined)
      throw new Refusal(403, 'InvalidClientTokenId', 'The security token included in the request is invalid');
    const at = header('x-amz-date');
    const moment = Date.parse(at.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
    if (Number.isNaN(moment) || !at.startsWith(day!))
      throw new Refusal(400, 'IncompleteSignature', 'Date must be given');
    if (moment < this.now() - SKEW_MS)
      throw new Refusal(403, 'SignatureDoesNotMatch', `Signature expired: ${at} is now earlier than allowed`);
    if (moment > this.now() + SKEW_MS)
      throw new Refusal(403, 'SignatureDoesNotMatch', `Signature not yet current: ${at} is still later`);
    const names = signedHeaders.split(';');
    const unsigned = ['host', 'x-amz-date'].filter((name) => !names.includes(name));
    if (unsigned.length > 0 || service !== 'sns')
      throw new Refusal(
        403,
        'SignatureDoesNotMatch',
        'Credential should be scoped to sns, host and date signed',
      );
    const hash = sha256(body);
    if (headers['x-amz-content-sha256'] !== undefined && header('x-amz-content-sha256') !== hash) {
      throw new Refusal(
        400,
        'XAmzContentSHA256Mismatch',
        'The provided x-amz-content-sha256 does not match the body',
      );
    }
    const canonicalHeaders = names
      .map((name) => `${name}:${header(name).trim().replace(/ +/g, ' ')}\n`)
      .join('');
    const [path, query = ''] = url!.split('?');
    const canonical = [method, path, query, canonicalHeaders, signedHeaders, hash].join('\n');
    const toSign = ['AWS4-HMAC-SHA256', at, `${day}/${region}/sns/aws4_request`, sha256(canonical)].join(
      '\n',
    );
    const key = [day!, region, 'sns', 'aws4_request'].reduce<string | Buffer>(
      (from, part) => createHmac('sha256', from).update(part).digest(),
      `AWS4${secret}`,
    );
    const right = createHmac('sha256', key).update(toSign).digest();
    if (!timingSafeEqual(right, Buffer.from(signature, 'hex'))) {
      throw new Refusal(
        403,
        'SignatureDoesNotMatch',
        'The request signature we calculated does not match the signature you provided',
      );
    }
    return region;
  }

  private publish(form: URLSearchParams, region: string): PublishedMessage {
    const wrong = (detail: string): Refusal =>
      new Refusal(400, 'InvalidParameter', `Invalid parameter: ${detail}`);
    if (form.get('Action') !== 'Publish' || form.get('Version') !== '2010-03-31') {
      throw new Refusal(400, 'InvalidAction', 'Could not find operation');
    }
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

const METADATA = (): string => `<ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata>`;
const sha256 = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
