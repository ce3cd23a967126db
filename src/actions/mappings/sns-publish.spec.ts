import { SnsStandIn, type SnsTrouble } from '../../../test/stand-ins/sns';
import { check } from '../../common/check';
import { Ambiguous, Permanent, Retryable, type ActionContext } from '../action';
import { SnsPublish, SnsPublishParams } from './sns-publish.action';

const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:scaling';
const FIFO = 'arn:aws:sns:us-east-2:123456789012:scaling.fifo';
const SECRET = 's3cret+/=';

/** An error of SNS, with whatever status. */
const errorOf = (type: string, code: string): string =>
  `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>${type}</Type><Code>${code}</Code><Message>no</Message></Error><RequestId>r</RequestId></ErrorResponse>`;

describe('sns_publish', () => {
  const action = new SnsPublish();
  const sns = new SnsStandIn({ AKIDEXAMPLE: SECRET });
  let endpoint: string;

  beforeAll(async () => {
    sns.addTopic(TOPIC);
    sns.addTopic(FIFO);
    endpoint = await sns.start();
  });

  beforeEach(() => {
    sns.messages.length = 0;
    sns.next.length = 0;
    sns.requests = 0;
    sns.now = () => Date.now();
  });

  afterAll(() => sns.stop());

  const context = (signal: AbortSignal = AbortSignal.timeout(5_000), executionId = 'e-1'): ActionContext => ({
    signal,
    timeoutMs: 5_000,
    now: new Date(),
    executionId,
    variables: { service: { id: '0190-s1', name: 'web' } },
  });

  function paramsOf(given: object): SnsPublishParams {
    const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SECRET };
    const { value, errors } = check(SnsPublishParams, {
      topicArn: TOPIC,
      message: 'hello',
      endpoint,
      ...credentials,
      ...given,
    });
    expect(errors).toEqual([]);
    return value!;
  }

  const publish = (given: object, during?: ActionContext) =>
    action.execute(paramsOf(given), during ?? context());
  const failure = (given: object, during?: ActionContext): Promise<Error> =>
    publish(given, during).then(
      () => Promise.reject(new Error('it succeeded')),
      (error: Error) => error,
    );

  describe('what it sends', () => {
    it('is signed, and arrives as it was written', async () => {
      const message = 'hello & ñ=1 + 100 %\n"two" lines';
      const { detail } = await publish({
        message,
        subject: 'Scale up',
        messageAttributes: { service: 'web', none: '' },
      });
      expect(sns.messages).toEqual([
        {
          messageId: expect.any(String),
          topicArn: TOPIC,
          message,
          subject: 'Scale up',
          attributes: { service: 'web' },
        },
      ]);
      expect(detail).toBe(`message id ${sns.messages[0]!.messageId}`);
    });

    it('has a legal subject, whatever was rendered', async () => {
      await publish({ subject: ` one\r\n\ttwo\u0007 ${'😀'.repeat(60)}` });
      const { subject = '' } = sns.messages[0]!;
      expect(subject).toMatch(/^one two 😀/u);
      expect(subject.length).toBeLessThanOrEqual(99);
      expect(subject).not.toMatch(/\p{Cs}/u);
      await publish({ subject: ' \n ' });
      expect(sns.messages[1]!.subject).toBeUndefined();
    });

    it('has group and deduplication id on a FIFO topic, so that a retry is no second message', async () => {
      const first = await publish({ topicArn: FIFO }, context(undefined, 'fifo-1'));
      expect(await publish({ topicArn: FIFO }, context(undefined, 'fifo-1'))).toEqual(first);
      expect(sns.messages).toMatchObject([{ groupId: '0190-s1', deduplicationId: 'fifo-1' }]);
    });

    it('is what the preview shows, without credentials', () => {
      const preview = action.preview(paramsOf({ topicArn: FIFO, subject: 'Up' }), context());
      expect(preview).toMatchObject({
        endpoint,
        TopicArn: FIFO,
        Message: 'hello',
        Subject: 'Up',
        MessageDeduplicationId: 'e-1',
      });
      expect(JSON.stringify(preview)).not.toContain(SECRET);
    });

    it.each([
      ['empty', { message: '' }],
      ['too long', { message: 'é'.repeat(131_073) }],
      ['too long with its attributes', { message: 'x'.repeat(262_140), messageAttributes: { a: 'bcdef' } }],
    ])('a message that is rendered %s never leaves', async (_, rendered) => {
      const params = Object.assign(paramsOf({}), rendered);
      await expect(action.execute(params, context())).rejects.toBeInstanceOf(Permanent);
      expect(sns.requests).toBe(0);
    });
  });

  describe('what an answer means', () => {
    type Kind = new (message: string) => Error;
    const refusals: [status: number, code: string, kind: Kind, onFifo?: Kind][] = [
      [400, 'InvalidParameter', Permanent],
      [400, 'ParameterValueInvalid', Permanent],
      [400, 'KMSDisabled', Permanent],
      [400, 'EndpointDisabled', Permanent],
      [403, 'AuthorizationError', Permanent],
      [403, 'InvalidSecurity', Permanent],
      [403, 'ExpiredToken', Permanent],
      [404, 'NotFound', Permanent],
      [400, 'Throttling', Retryable],
      [400, 'ThrottlingException', Retryable],
      [400, 'KMSThrottling', Retryable],
      [400, 'RequestLimitExceeded', Retryable],
      [429, 'Throttled', Retryable],
      [429, 'Whatever', Retryable],
      [403, 'RequestTimeTooSkewed', Retryable],
      [400, 'RequestExpired', Retryable],
      [408, 'RequestTimeout', Retryable],
      [500, 'InternalError', Retryable],
      [503, 'ServiceUnavailable', Retryable],
      [502, 'BadGateway', Ambiguous],
      [504, 'GatewayTimeout', Ambiguous],
    ];

    it.each(refusals)('%i %s', async (status, code, kind, onFifo = kind) => {
      sns.next.push({ status, code }, { status, code });
      const error = await failure({});
      expect(error).toBeInstanceOf(kind);
      expect(error.message).toContain(`publish to ${TOPIC} was answered ${status} `);
      expect(await failure({ topicArn: FIFO })).toBeInstanceOf(onFifo);
      expect(sns.requests).toBe(2);
    });

    const publishedAs = (id: string) =>
      `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>${id}</MessageId></PublishResult></PublishResponse>`;
    const losses: [SnsTrouble, Kind, Kind][] = [
      [{ dropAfter: true }, Ambiguous, Ambiguous],
      [{ raw: errorOf('Sender', 'AuthorizationError') }, Permanent, Permanent],
      [{ raw: errorOf('Sender', 'Throttling') }, Retryable, Retryable],
      [{ raw: errorOf('Receiver', 'InternalError') }, Retryable, Retryable],
      [{ raw: `<?xml version="1.0"?>\n${errorOf('Sender', 'NotFound')}` }, Permanent, Permanent],
      [{ raw: 'NaN' }, Ambiguous, Ambiguous],
      [{ raw: '<html>Welcome</html>' }, Ambiguous, Ambiguous],
      [{ raw: '' }, Ambiguous, Ambiguous],
      [{ raw: publishedAs('') }, Ambiguous, Ambiguous],
      [
        { raw: `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>${publishedAs('&x;')}` },
        Ambiguous,
        Ambiguous,
      ],
      [{ raw: 'Bad Gateway', status: 502 }, Ambiguous, Ambiguous],
      [{ raw: '<html>', status: 503 }, Retryable, Retryable],
      [{ raw: 'gone', status: 404 }, Permanent, Permanent],
      [{ raw: '', status: 302 }, Permanent, Permanent],
    ];

    it.each(losses)('%j', async (trouble, kind, onFifo) => {
      sns.next.push(trouble, trouble);
      expect(await failure({})).toBeInstanceOf(kind);
      expect(await failure({ topicArn: FIFO }, context(undefined, 'lost'))).toBeInstanceOf(onFifo);
    });

    it.each([
      ['a wrong secret', { secretAccessKey: 'wr0ng' }],
      ['an unknown key', { accessKeyId: 'AKIDUNKNOWN' }],
      ['an unknown topic', { topicArn: `${TOPIC}-2` }],
    ])('%s is permanent, and no secret is told', async (_, given) => {
      const error = await failure(given);
      expect(error).toBeInstanceOf(Permanent);
      expect(error.message).not.toMatch(/s3cret|wr0ng/);
      expect(error.cause).toBeUndefined();
      expect(sns.messages).toHaveLength(0);
    });

    it('a clock that is wrong is set by the answer, and the next try is right', async () => {
      sns.now = () => Date.now() + 3_600_000;
      const other = new SnsPublish();
      await expect(other.execute(paramsOf({}), context())).rejects.toBeInstanceOf(Retryable);
      expect(await other.execute(paramsOf({}), context())).toMatchObject({
        detail: expect.stringMatching(/^message id/),
      });
    });
  });

  describe('when no answer comes', () => {
    it('after it was sent, a standard topic leaves open what happened', async () => {
      sns.next.push({ hangAfter: true });
      expect(await failure({}, context(AbortSignal.timeout(300)))).toBeInstanceOf(Ambiguous);
      expect(sns.messages).toHaveLength(1);
    });

    it('after it was sent, a FIFO topic is asked again and publishes once', async () => {
      sns.next.push({ hangAfter: true }, { dropAfter: true });
      const during = (): ActionContext => context(AbortSignal.timeout(300), 'fifo-2');
      expect(await failure({ topicArn: FIFO }, during())).toBeInstanceOf(Ambiguous);
      expect(await failure({ topicArn: FIFO }, during())).toBeInstanceOf(Ambiguous);
      await publish({ topicArn: FIFO }, during());
      expect(sns.messages).toHaveLength(1);
    });

    it('before it was sent, trying again is safe', async () => {
      expect(await failure({ endpoint: 'http://127.0.0.1:1' })).toBeInstanceOf(Retryable);
      expect(await failure({ endpoint: 'http://nowhere.invalid' })).toBeInstanceOf(Retryable);
      const stopped = context(AbortSignal.abort(new Error('the program stops')));
      expect(await failure({}, stopped)).toMatchObject({
        constructor: Retryable,
        message: expect.stringContaining('the program stops'),
      });
      expect(sns.requests).toBe(0);
    });
  });

  describe('credentials', () => {
    const names = [
      'AWS_ACCESS_KEY_ID',
      'AWS_SECRET_ACCESS_KEY',
      'AWS_EC2_METADATA_DISABLED',
      'AWS_CONFIG_FILE',
      'AWS_SHARED_CREDENTIALS_FILE',
    ];
    const before = Object.fromEntries(names.map((name) => [name, process.env[name]]));
    const none = { accessKeyId: null, secretAccessKey: null };

    afterEach(() => {
      for (const name of names) {
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
      }
    });

    it("come from AWS's default chain when none are given", async () => {
      Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: SECRET });
      await publish(none);
      expect(sns.messages).toHaveLength(1);
    });

    it('that are nowhere are asked for again', async () => {
      names.forEach((name) => delete process.env[name]);
      Object.assign(process.env, {
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_CONFIG_FILE: '/none',
        AWS_SHARED_CREDENTIALS_FILE: '/none',
      });
      const other = new SnsPublish();
      const failed = other.execute(paramsOf(none), context());
      await expect(failed).rejects.toMatchObject({
        constructor: Retryable,
        message: expect.stringContaining('no credentials'),
      });
    });
  });

  describe('params', () => {
    const right = { topicArn: TOPIC, message: 'm' };

    it.each([
      [{ message: 'm' }, '/topicArn'],
      [{ topicArn: TOPIC }, '/message'],
      [{ ...right, topicArn: 'scaling' }, '/topicArn'],
      [{ ...right, topicArn: 'arn:aws:sqs:eu-west-1:123456789012:scaling' }, '/topicArn'],
      [{ ...right, topicArn: `${TOPIC}:subscription` }, '/topicArn'],
      [{ ...right, subject: '{{' }, '/subject'],
      [{ ...right, messageAttributes: { 'a b': 'c' } }, '/messageAttributes/a b'],
      [{ ...right, endpoint: 'sns.example' }, '/endpoint'],
      [{ ...right, accessKeyId: 'A' }, '/secretAccessKey'],
      [{ ...right, secretAccessKey: 'A' }, '/accessKeyId'],
      [{ ...right, sessionToken: 'A' }, '/accessKeyId'],
    ])('%j is refused', (given, pointer) => {
      expect(check(SnsPublishParams, given).errors).toEqual([{ pointer, detail: expect.any(String) }]);
    });

    it('say whether it is idempotent: FIFO topics are', () => {
      expect(action.idempotent(paramsOf({}))).toBe(false);
      expect(action.idempotent(paramsOf({ topicArn: FIFO }))).toBe(true);
    });
  });
});
