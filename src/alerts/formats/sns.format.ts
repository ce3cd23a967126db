import { verify } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { Forbidden, InvalidInput, type FieldError } from '../../common/errors';
import { Flag, TextList } from '../../common/fields';
import { isObject, jsonIn } from '../../common/json';
import { DEFAULT_LIFE_SECONDS } from '../alert';
import { AlertFormatMapping, type AlertFormat, type Facts, type Parsed } from './alert-format';
import { keptAlert } from './kept-payload';
import { isSecretName } from './mask-secrets';
import { keyOf, labelsOf, momentIn, textIn } from './reading';
import { SnsWeb, snsUrl } from './sns-web';

export class SnsSourceParams {
  @TextList({
    description: 'ARNs of the topics that may send; messages of others are refused',
    maxItems: 100,
  })
  topicArns: string[] = [];

  @Flag({ description: 'Confirm subscriptions of these topics; false refuses them' })
  confirm = true;
}

/** Fields that are signed, in this order (SNS developer guide, "Verifying the signatures of Amazon SNS messages"). */
const SIGNED: Readonly<Record<string, readonly string[]>> = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: [
    'Message',
    'MessageId',
    'SubscribeURL',
    'Timestamp',
    'Token',
    'TopicArn',
    'Type',
  ],
  UnsubscribeConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
};
const REQUIRED = [
  'Message',
  'MessageId',
  'Timestamp',
  'TopicArn',
  'Signature',
  'SignatureVersion',
  'SigningCertURL',
];

const OLD_AFTER_SECONDS = 3_600;
const AHEAD_AT_MOST_SECONDS = 300;

/** Signature algorithms by SignatureVersion. */
const ALGORITHMS: Readonly<Record<string, string>> = { '1': 'RSA-SHA1', '2': 'RSA-SHA256' };

/** Pattern of a signature by an RSA key of 1024 to 8192 bits. */
const SIGNATURE = /^[A-Za-z0-9+/]{170,1368}={0,2}$/;

const STATES = new Map([
  ['ALARM', 'firing'],
  ['OK', 'resolved'],
] as const);

type Message = Record<string, unknown>;

/**
 * AWS SNS over HTTP(S): CloudWatch alarms, and whatever else a topic carries. A message is accepted when its topic is
 * listed and its signature verifies with a certificate of SNS.
 *
 * @see https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
 */
@AlertFormatMapping({
  type: 'sns',
  title: 'AWS SNS',
  description: 'Messages of SNS topics, CloudWatch alarms among them, POST /api/v1/alerts/sns',
  params: SnsSourceParams,
})
export class Sns implements AlertFormat<SnsSourceParams> {
  private readonly logger = new Logger('Sources');

  constructor(private readonly web: SnsWeb) {}

  /**
   * Verifies topic, time and signature of a message.
   *
   * @throws InvalidInput, Forbidden; Unavailable when SNS can't be asked
   */
  async believe(body: unknown, { topicArns, confirm }: SnsSourceParams, { now }: Facts): Promise<void> {
    const message = messageIn(body);
    if (!topicArns.includes(message.TopicArn as string))
      throw new Forbidden(
        `topic ${String(message.TopicArn).slice(0, 300)} is not among the topicArns of this source`,
      );
    refuseStale(message, now);
    snsUrl(message.SigningCertURL, 'SigningCertURL');
    const isSubscription = message.Type === 'SubscriptionConfirmation';
    if (isSubscription) snsUrl(message.SubscribeURL, 'SubscribeURL');
    if (isSubscription && !confirm)
      throw new Forbidden('this source confirms no subscriptions (confirm is false)');
    const algorithm = ALGORITHMS[message.SignatureVersion as string];
    if (algorithm === undefined || !SIGNATURE.test(message.Signature as string))
      throw new Forbidden('Signature is none of SignatureVersion 1 or 2');
    const key = await this.web.signingKey(message.SigningCertURL, now);
    const signature = Buffer.from(message.Signature as string, 'base64');
    if (
      key.asymmetricKeyType !== 'rsa' ||
      !verify(algorithm, Buffer.from(signedText(message)), key, signature)
    )
      throw new Forbidden('Signature is not the signature of this message');
  }

  messageId(body: unknown): string {
    const { MessageId, TopicArn } = messageIn(body);
    return keyOf(JSON.stringify([TopicArn, MessageId]));
  }

  /** Confirms a subscription. Only logs the end of one: a request to its SubscribeURL would begin it anew. */
  async act(body: unknown): Promise<void> {
    const { Type, TopicArn, SubscribeURL } = messageIn(body);
    if (Type === 'SubscriptionConfirmation') await this.web.confirm(SubscribeURL);
    if (Type === 'UnsubscribeConfirmation')
      this.logger.warn(`the subscription of ${String(TopicArn)} was ended: nothing comes from it any more`);
  }

  parse(body: unknown): Parsed[] {
    const message = messageIn(body);
    if (message.Type === 'UnsubscribeConfirmation') return [{ untold: 'the subscription was ended' }];
    if (message.Type !== 'Notification') return [];
    const inner = jsonIn(message.Message as string);
    return isObject(inner) && textIn(inner.AlarmName) !== undefined && typeof inner.NewStateValue === 'string'
      ? alarmIn(inner, message)
      : [eventIn(inner, message)];
  }

  looksLike(body: unknown): boolean {
    return isObject(body) && typeof body.TopicArn === 'string' && Object.hasOwn(SIGNED, String(body.Type));
  }
}

/**
 * Returns the body as a message.
 *
 * @throws InvalidInput naming what is missing
 */
function messageIn(body: unknown): Message {
  if (!isObject(body)) throw new InvalidInput([{ pointer: '', detail: 'must be an object' }]);
  const errors: FieldError[] = [];
  const type = typeof body.Type === 'string' && Object.hasOwn(SIGNED, body.Type) ? body.Type : undefined;
  if (type === undefined)
    errors.push({ pointer: '/Type', detail: `must be one of ${Object.keys(SIGNED).join(', ')}` });
  const required = type === 'Notification' ? REQUIRED : [...REQUIRED, 'SubscribeURL', 'Token'];
  for (const name of required)
    if (typeof body[name] !== 'string') errors.push({ pointer: `/${name}`, detail: 'must be a text' });
  if (errors.length > 0) throw new InvalidInput(errors);
  return body;
}

/**
 * Refuses messages older than an hour, which is how long SNS retries at most: an older one was recorded.
 *
 * @throws InvalidInput, Forbidden
 */
function refuseStale({ Timestamp }: Message, now: Date): void {
  const errors: FieldError[] = [];
  const at = momentIn(Timestamp, '/Timestamp', errors);
  if (at === undefined) throw new InvalidInput(errors.length > 0 ? errors : [NO_TIME]);
  const ageSeconds = (now.getTime() - at.getTime()) / 1000;
  if (ageSeconds > OLD_AFTER_SECONDS)
    throw new Forbidden(
      `the message was sent at ${at.toISOString()}: what is older than an hour is not believed`,
    );
  if (ageSeconds < -AHEAD_AT_MOST_SECONDS)
    throw new Forbidden(`the message was sent at ${at.toISOString()}, which is more than 5 minutes ahead`);
}

const NO_TIME = { pointer: '/Timestamp', detail: 'must be a time like 2026-11-22T10:00:00Z' };

function signedText(message: Message): string {
  return SIGNED[message.Type as string]!.filter((name) => typeof message[name] === 'string')
    .map((name) => `${name}\n${message[name] as string}\n`)
    .join('');
}

/** Parses a CloudWatch alarm. INSUFFICIENT_DATA says that CloudWatch can't tell: nothing begins or ends by it. */
function alarmIn(alarm: Message, { TopicArn, Timestamp }: Message): Parsed[] {
  const status = STATES.get(alarm.NewStateValue as 'ALARM');
  if (status === undefined) {
    if (alarm.NewStateValue === 'INSUFFICIENT_DATA')
      return [{ untold: 'INSUFFICIENT_DATA says that CloudWatch can not tell' }];
    return [
      {
        pointer: '/Message',
        errors: [{ pointer: '/NewStateValue', detail: 'must be ALARM, OK or INSUFFICIENT_DATA' }],
      },
    ];
  }
  const errors: FieldError[] = [];
  const at =
    momentIn(alarm.StateChangeTime, '/StateChangeTime', errors) ?? momentIn(Timestamp, '/Timestamp', errors);
  if (errors.length > 0) return [{ pointer: '/Message', errors }];
  const { AlarmName, AWSAccountId, Region } = alarm;
  const metric = metricIn(alarm.Trigger);
  return [
    {
      alert: {
        dedupKey: keyOf(textIn(alarm.AlarmArn) ?? JSON.stringify([AWSAccountId, Region, AlarmName])),
        status,
        labels: {
          ...labelsOf(dimensionsIn(metric.Dimensions)),
          ...labelsOf({
            AlarmName,
            AWSAccountId,
            Region,
            Namespace: metric.Namespace,
            MetricName: metric.MetricName,
            TopicArn,
          }),
        },
        annotations: labelsOf({
          AlarmDescription: alarm.AlarmDescription,
          NewStateReason: alarm.NewStateReason,
        }),
        at,
        // SNS promises no order.
        saidAt: at,
        isRepeated: true,
        raw: keptAlert(alarm),
      },
    },
  ];
}

/** Returns the alarm's metric; of an alarm on an expression, the first one in it. */
function metricIn(trigger: unknown): Message {
  if (!isObject(trigger)) return {};
  if (!Array.isArray(trigger.Metrics)) return trigger;
  const metrics = trigger.Metrics.flatMap((one: unknown) =>
    isObject(one) && isObject(one.MetricStat) && isObject(one.MetricStat.Metric)
      ? [one.MetricStat.Metric]
      : [],
  );
  return metrics[0] ?? {};
}

/** Reads dimensions: `[{"name": "InstanceId", "value": "i-1"}]`, also with capitals. */
function dimensionsIn(given: unknown): Record<string, unknown> {
  if (!Array.isArray(given)) return {};
  return Object.fromEntries(
    given.flatMap((one: unknown) => {
      if (!isObject(one)) return [];
      const name = textIn(one.name ?? one.Name);
      return name === undefined ? [] : [[name, one.value ?? one.Value]];
    }),
  );
}

/**
 * Parses any other notification as an event, a new alert each time. Unsigned fields, such as message attributes, are
 * not used.
 */
function eventIn(inner: unknown, message: Message): Parsed {
  const { Message: text, Subject, TopicArn } = message;
  const fields = isObject(inner)
    ? Object.fromEntries(Object.entries(inner).filter(([name]) => !isSecretName(name)))
    : { Message: text };
  const errors: FieldError[] = [];
  const at = momentIn(message.Timestamp, '/Timestamp', errors);
  if (errors.length > 0) return { errors };
  return {
    alert: {
      dedupKey: keyOf(message.MessageId as string),
      status: 'firing',
      labels: { ...labelsOf(fields), ...labelsOf({ Subject, TopicArn }) },
      annotations: {},
      at,
      lifeSeconds: DEFAULT_LIFE_SECONDS,
      raw: keptAlert(isObject(inner) ? inner : { Message: text, Subject, TopicArn }),
    },
  };
}
