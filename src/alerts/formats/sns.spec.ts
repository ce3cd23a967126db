import * as sent from '../../../test/stand-ins/sns-web';
import { SnsWebStandIn, type SnsMessage } from '../../../test/stand-ins/sns-web';
import { OTHER, SNS_HOST } from '../../../test/stand-ins/certificates';
import { Forbidden, Unavailable } from '../../common/errors';
import { Sns } from './sns.format';
import { SnsWeb } from './sns-web';

const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:alarms';
const NOW = new Date('2026-11-22T15:44:00Z');
/** When messages are sent, unless a test says otherwise. */
const SENT = { Timestamp: '2026-11-22T15:43:51.730Z' };

const notification = (topic: string, message: string | object, changes: SnsMessage = {}) =>
  sent.notification(topic, message, { ...SENT, ...changes });
const subscription = (topic: string, changes: SnsMessage = {}) =>
  sent.subscription(topic, { ...SENT, ...changes });

/** As CloudWatch sends it. */
const ALARM = {
  AlarmName: 'example-cloudwatch-alarm',
  AlarmDescription: 'too few invocations',
  AWSAccountId: '123456789012',
  NewStateValue: 'ALARM',
  NewStateReason:
    'Threshold Crossed: 1 out of the last 1 datapoints [1.0 (22/11/19 15:38:00)] was less than 5.0',
  StateChangeTime: '2019-11-22T15:43:51.730+0000',
  Region: 'EU (Ireland)',
  OldStateValue: 'OK',
  Trigger: {
    MetricName: 'Invocations',
    Namespace: 'AWS/Lambda',
    Statistic: 'AVERAGE',
    Dimensions: [{ name: 'FunctionName', value: 'shop' }],
    Period: 300,
    Threshold: 5.0,
    ComparisonOperator: 'LessThanThreshold',
  },
};

/** The production check, with the way to the host alone changed. */
class ReroutedSnsWeb extends SnsWeb {
  constructor(
    private readonly port: number,
    private readonly ca: string,
  ) {
    super();
  }

  protected override options(): object {
    type Done = (error: null, found: { address: string; family: number }[]) => void;
    const lookup = (_host: string, _options: object, done: Done) =>
      done(null, [{ address: '127.0.0.1', family: 4 }]);
    return { lookup, port: this.port, ca: this.ca };
  }
}

describe('SNS', () => {
  const standIn = new SnsWebStandIn();
  let port: number;
  let sns: Sns;

  beforeAll(async () => {
    port = Number(new URL(await standIn.start()).port);
  });
  afterAll(() => standIn.stop());
  beforeEach(() => {
    standIn.asked.length = 0;
    sns = new Sns(new ReroutedSnsWeb(port, SNS_HOST.cert));
  });

  const believe = (body: unknown, changes: object = {}) =>
    sns.believe(
      body,
      { topicArns: [TOPIC], confirm: true, ...changes },
      { raw: Buffer.alloc(0), headers: {}, query: {}, now: NOW },
    );

  test.each(['1', '2'])(
    'what is signed by version %s is believed, and its certificate kept',
    async (version) => {
      await believe(notification(TOPIC, 'Hello world!', { SignatureVersion: version, Subject: 'First' }));
      await believe(notification(TOPIC, 'Hello again!', { SignatureVersion: version }));
      expect(standIn.asked).toEqual(['/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem']);
    },
  );

  test.each([
    ['an hour and a second ago', '2026-11-22T14:43:59.000Z', /older than an hour/],
    ['years ago', '2012-05-02T00:54:06.655Z', /older than an hour/],
    ['in six minutes', '2026-11-22T15:50:00.000Z', /more than 5 minutes ahead/],
    ['in a year', '2027-11-22T15:44:00.000Z', /more than 5 minutes ahead/],
  ])('what was sent %s is not believed, however well it is signed', async (_, Timestamp, why) => {
    for (const message of [
      notification(TOPIC, 'x', { Timestamp }),
      notification(TOPIC, 'x', { Timestamp, SignatureVersion: '2' }),
      subscription(TOPIC, { Timestamp }),
      subscription(TOPIC, { Timestamp, Type: 'UnsubscribeConfirmation' }),
    ]) {
      await expect(believe(message)).rejects.toThrow(why);
      await expect(believe(message)).rejects.toBeInstanceOf(Forbidden);
    }
    expect(standIn.asked).toEqual([]);
  });

  test.each(['2026-11-22T14:44:00.000Z', '2026-11-22T15:49:00.000Z', '2026-11-22T15:44:00Z'])(
    'what was sent at %s is believed at 15:44',
    async (Timestamp) => {
      await believe(notification(TOPIC, 'x', { Timestamp }));
    },
  );

  test.each(['', 'yesterday', '2026-11-22', '1795362240', '0001-01-01T00:00:00Z'])(
    'a time that is none, or of no day, is no time: %j',
    async (Timestamp) => {
      await expect(believe(notification(TOPIC, 'x', { Timestamp }))).rejects.toThrow(
        /Timestamp|older than an hour/,
      );
    },
  );

  test('the time is signed: an old message with a new one is another message', async () => {
    const old = notification(TOPIC, 'x', { Timestamp: '2026-11-22T09:00:00Z' });
    await expect(believe({ ...old, ...SENT })).rejects.toThrow(/not the signature/);
  });

  test('messages are told apart by topic and id', () => {
    const one = notification(TOPIC, 'x', { MessageId: '1' });
    expect(sns.messageId(one)).toBe(sns.messageId(notification(TOPIC, 'y', { MessageId: '1' })));
    expect(sns.messageId(one)).not.toBe(sns.messageId(notification(TOPIC, 'x', { MessageId: '2' })));
    expect(sns.messageId(one)).not.toBe(sns.messageId(notification(`${TOPIC}2`, 'x', { MessageId: '1' })));
  });

  test('that a subscription was ended is told, and nothing is asked', async () => {
    const message = subscription(TOPIC, { Type: 'UnsubscribeConfirmation' });
    await believe(message);
    await sns.act(message);
    expect(sns.parse(message)).toEqual([{ untold: 'the subscription was ended' }]);
    expect(standIn.asked).toHaveLength(1);
  });

  test('a subscription to a listed topic is confirmed', async () => {
    await believe(subscription(TOPIC));
    await sns.act(subscription(TOPIC));
    expect(standIn.asked.at(-1)).toMatch(/^\/\?Action=ConfirmSubscription&TopicArn=.*&Token=2336412f37$/);
    expect(sns.parse(subscription(TOPIC))).toEqual([]);
  });

  describe('nothing is asked of anybody', () => {
    test.each<[string, SnsMessage, RegExp]>([
      [
        'a topic that is not listed',
        notification('arn:aws:sns:eu-west-1:1:other', 'x'),
        /topic .*other is not among/,
      ],
      ['a version that is none', notification(TOPIC, 'x', { SignatureVersion: '3' }), /Signature/],
      ['a signature that is none', { ...notification(TOPIC, 'x'), Signature: 'EXAMPLEpH+' }, /Signature/],
      ...[
        'http://sns.eu-west-1.amazonaws.com/a.pem',
        'https://127.0.0.1/a.pem',
        'https://169.254.169.254/latest/a.pem',
        'https://sns.eu-west-1.amazonaws.com.evil.example/a.pem',
        'https://evil.example/sns.eu-west-1.amazonaws.com/a.pem',
        'https://sns.eu-west-1.amazonaws.com@evil.example/a.pem',
        'https://sns.eu-west-1.amazonaws.com:8443/a.pem',
        'https://bucket.s3.amazonaws.com/a.pem',
        'https://sns.eu-west-1.amazonaws.com/?Action=x&a=.pem',
        'file:///etc/passwd',
        'nonsense',
      ].map(
        (url) =>
          [url, notification(TOPIC, 'x', { SigningCertURL: url }), /SigningCertURL/] as [
            string,
            SnsMessage,
            RegExp,
          ],
      ),
    ])('for %s', async (_, message, why) => {
      await expect(believe(message)).rejects.toThrow(why);
      await expect(believe(message)).rejects.toBeInstanceOf(Forbidden);
      expect(standIn.asked).toEqual([]);
    });

    test('where subscriptions are not confirmed', async () => {
      await expect(believe(subscription(TOPIC), { confirm: false })).rejects.toThrow(/confirm is false/);
      expect(standIn.asked).toEqual([]);
    });
  });

  test.each([
    'http://127.0.0.1:9/',
    'http://169.254.169.254/latest/meta-data/',
    'https://evil.example/?Action=ConfirmSubscription',
  ])('a SubscribeURL at %s is not asked, however well it is signed', async (SubscribeURL) => {
    await expect(believe(subscription(TOPIC, { SubscribeURL }))).rejects.toThrow(
      /SubscribeURL is no https address/,
    );
    expect(standIn.asked).toEqual([]);
  });

  test('a message that was changed is not believed', async () => {
    await expect(believe({ ...notification(TOPIC, 'x'), Message: 'y' })).rejects.toThrow(/not the signature/);
    await expect(believe({ ...notification(TOPIC, 'x'), Subject: 'y' })).rejects.toThrow(/not the signature/);
    expect(standIn.asked).toHaveLength(1);
  });

  test('a certificate that is not there, or none, is not believed and asked for again', async () => {
    for (const certificate of [
      { status: 404, body: '' },
      { status: 200, body: 'nonsense' },
    ]) {
      standIn.certificate = certificate;
      await expect(believe(notification(TOPIC, 'x'))).rejects.toThrow(/no certificate at SigningCertURL/);
    }
    standIn.certificate = { status: 200, body: 'x'.repeat(100_000) };
    await expect(believe(notification(TOPIC, 'x'))).rejects.toThrow(/more than/);
    standIn.certificate = new SnsWebStandIn().certificate;
    await believe(notification(TOPIC, 'x'));
  });

  test.each([408, 429, 500, 502, 503, 504])(
    'a certificate that is answered %i may be there later: the message is to be sent again',
    async (status) => {
      standIn.certificate = { status, body: '<html>busy</html>' };
      const failure = await believe(notification(TOPIC, 'x')).catch((error: Error) => error);
      expect(failure).toBeInstanceOf(Unavailable);
      standIn.certificate = new SnsWebStandIn().certificate;
      await believe(notification(TOPIC, 'x'));
    },
  );

  test('when SNS can not be asked, or is somebody else, it is to send it again', async () => {
    sns = new Sns(new ReroutedSnsWeb(port, OTHER.cert));
    await expect(believe(notification(TOPIC, 'x'))).rejects.toBeInstanceOf(Unavailable);
    sns = new Sns(new ReroutedSnsWeb(9, SNS_HOST.cert));
    await expect(believe(notification(TOPIC, 'x'))).rejects.toBeInstanceOf(Unavailable);
  });

  test.each([
    [{}, ['/Type', '/Message', '/MessageId']],
    [{ Type: 'Notification', Message: 5 }, ['/Message', '/MessageId', '/Timestamp']],
  ])('%j names what is missing', async (body, pointers) => {
    const errors = await believe(body).catch((error) => error.errors);
    expect(errors.slice(0, pointers.length).map(({ pointer }: { pointer: string }) => pointer)).toEqual(
      pointers,
    );
  });

  describe('a CloudWatch alarm', () => {
    const parsed = (changes: object) => sns.parse(notification(TOPIC, { ...ALARM, ...changes }));

    test('has its metric and dimensions as labels', () => {
      expect(parsed({})).toMatchObject([
        {
          alert: {
            dedupKey: '["123456789012","EU (Ireland)","example-cloudwatch-alarm"]',
            status: 'firing',
            labels: {
              AlarmName: 'example-cloudwatch-alarm',
              AWSAccountId: '123456789012',
              Region: 'EU (Ireland)',
              Namespace: 'AWS/Lambda',
              MetricName: 'Invocations',
              FunctionName: 'shop',
              TopicArn: TOPIC,
            },
            at: new Date('2019-11-22T15:43:51.730Z'),
            raw: { Trigger: { Threshold: 5 } },
          },
        },
      ]);
    });

    test('ends by OK, and by INSUFFICIENT_DATA nothing begins or ends', () => {
      expect(parsed({ NewStateValue: 'OK' })).toMatchObject([{ alert: { status: 'resolved' } }]);
      expect(parsed({ NewStateValue: 'INSUFFICIENT_DATA' })).toMatchObject([
        { untold: expect.stringMatching(/^INSUFFICIENT_DATA/) },
      ]);
      expect(parsed({ NewStateValue: 'MAYBE' })).toMatchObject([{ errors: [{ pointer: '/NewStateValue' }] }]);
    });

    test.each([
      [{ StateChangeTime: '2026-11-22T09:00:00.000+0000' }, '2026-11-22T09:00:00.000Z'],
      [{ StateChangeTime: '2026-11-22T09:00:00.000+0000', NewStateValue: 'OK' }, '2026-11-22T09:00:00.000Z'],
      [{ StateChangeTime: undefined }, '2026-11-22T15:43:51.730Z'],
      [{ StateChangeTime: '' }, '2026-11-22T15:43:51.730Z'],
    ])('%j counts by its state change, else by when SNS sent it', (changes, moment) => {
      expect(parsed(changes)).toMatchObject([{ alert: { at: new Date(moment), saidAt: new Date(moment) } }]);
    });

    test('on an expression has the metric of its first part', () => {
      const Metric = {
        MetricName: 'Errors',
        Namespace: 'Shop',
        Dimensions: [{ name: 'Stage', value: 'live' }],
      };
      const Trigger = {
        Metrics: [
          { Id: 'e1', Expression: 'm1*2' },
          { Id: 'm1', MetricStat: { Metric } },
        ],
      };
      expect(parsed({ Trigger })).toMatchObject([
        { alert: { labels: { MetricName: 'Errors', Namespace: 'Shop', Stage: 'live' } } },
      ]);
    });
  });

  test('any other message is an event, and what is not signed is not read', () => {
    const text: SnsMessage = {
      ...notification(TOPIC, 'Hello world!', { Subject: 'First' }),
      MessageAttributes: '{}',
    };
    expect(sns.parse(text)).toMatchObject([
      {
        alert: {
          dedupKey: text.MessageId,
          labels: { Message: 'Hello world!', Subject: 'First', TopicArn: TOPIC },
          lifeSeconds: 300,
        },
      },
    ]);
    expect(sns.parse(notification(TOPIC, { orders: 5, shop: 'eu', more: {} }))).toMatchObject([
      { alert: { labels: { orders: '5', shop: 'eu', TopicArn: TOPIC }, raw: { orders: 5 } } },
    ]);
  });
});
