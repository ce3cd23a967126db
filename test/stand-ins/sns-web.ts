/**
 * SNS as its subscribers meet it: messages signed as the developer guide says, the certificate they name, and the address
 * that confirms a subscription.
 */
import { createSign, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { SNS_HOST, SNS_SIGNING } from './certificates';
import { HttpStandIn } from './http-stand-in';

const ORIGIN = 'https://sns.eu-west-1.amazonaws.com';
const CERTIFICATE = '/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem';

export type SnsMessage = Record<string, string>;

export class SnsWebStandIn extends HttpStandIn {
  /** Paths that were asked for. */
  readonly asked: string[] = [];
  /** Answered in place of the certificate. */
  certificate: { status: number; body: string } = { status: 200, body: SNS_SIGNING.cert };

  constructor() {
    super({ cert: SNS_HOST.cert, key: SNS_HOST.key });
  }

  protected async answer({ url = '' }: IncomingMessage, response: ServerResponse): Promise<void> {
    this.asked.push(url);
    if (url.startsWith('/?Action=ConfirmSubscription')) {
      response.end('<ConfirmSubscriptionResponse/>');
      return;
    }
    const { status, body } = url === CERTIFICATE ? this.certificate : { status: 404, body: '' };
    response.writeHead(status).end(body);
  }
}

export const notification = (topicArn: string, message: string | object, changes: SnsMessage = {}) =>
  signed({
    Type: 'Notification',
    MessageId: randomUUID(),
    TopicArn: topicArn,
    Message: typeof message === 'string' ? message : JSON.stringify(message),
    Timestamp: new Date().toISOString(),
    ...changes,
  });

export const subscription = (topicArn: string, changes: SnsMessage = {}) =>
  signed({
    Type: 'SubscriptionConfirmation',
    MessageId: randomUUID(),
    TopicArn: topicArn,
    Token: '2336412f37',
    Message: `You have chosen to subscribe to the topic ${topicArn}.`,
    SubscribeURL: `${ORIGIN}/?Action=ConfirmSubscription&TopicArn=${topicArn}&Token=2336412f37`,
    Timestamp: new Date().toISOString(),
    ...changes,
  });

export const unsubscription = (topicArn: string): SnsMessage =>
  subscription(topicArn, { Type: 'UnsubscribeConfirmation' });

/** In byte order of the names, each name and value on a line of its own. */
function signed(message: SnsMessage): SnsMessage {
  const { SignatureVersion = '1', SigningCertURL = ORIGIN + CERTIFICATE, ...rest } = message;
  const unsigned = new Set(['UnsubscribeURL', 'MessageAttributes']);
  const names = Object.keys(rest)
    .filter((name) => !unsigned.has(name))
    .sort();
  const signer = createSign(SignatureVersion === '1' ? 'RSA-SHA1' : 'RSA-SHA256');
  for (const name of names) signer.update(`${name}\n${rest[name]}\n`);
  return {
    ...rest,
    SignatureVersion,
    SigningCertURL,
    Signature: signer.sign(SNS_SIGNING.key, 'base64'),
  };
}
