import { Injectable } from '@nestjs/common';
import { createTransport, type SentMessageInfo } from 'nodemailer';
import { assertMaySend } from '../../common/before-sending';
import { heard } from '../../common/heard';
import { messageOf, type FieldError } from '../../common/errors';
import { Choice, Nested, Text, TextList, Whole } from '../../common/fields';
import { AddressRefused } from '../../targets/address-guard';
import { connectTo } from '../../targets/connect';
import { TlsParams } from '../../targets/http/params';
import { smtpWords } from '../../targets/smtp-words';
import {
  ActionMapping,
  Ambiguous,
  Permanent,
  Retryable,
  type Action,
  type ActionContext,
  type ActionResult,
} from '../action';

const SECURITY = ['starttls', 'tls', 'none'] as const;
/** One address as in an SMTP envelope: no blanks and no line breaks around the @. */
const ADDRESS = /^[^\s@<>,;"]+@[^\s@<>,;"]+$/;
const ADDRESS_HINT = 'must be an address like ops@example.com';
const CONNECT_TIMEOUT_MS = 10_000;

/** Default subject. Names what it is about, since a phone may show nothing else. */
const SUBJECT =
  "{{ service.name }}{% if alert %}: {{ alert.labels.alertname | default: alert.annotations.summary | default: 'an alert' }}{% if alert.labels.instance %} on {{ alert.labels.instance }}{% endif %}{% endif %}";

const BODY = `{{ service.name }}: {{ trigger.justification }}
{% if service.description != "" %}
{{ service.description }}
{% endif %}{% if alerts.size > 0 %}
Alerts ({{ alertsTotal }}):
{% for one in alerts limit: 20 %}- {{ one.labels.alertname | default: "alert" }}, since {{ one.at }}, from {{ one.source }}{% if one.annotations.summary %}: {{ one.annotations.summary }}{% endif %}
{% for label in one.labels %}{% if label[0] != "alertname" %}    {{ label[0] }}: {{ label[1] }}
{% endif %}{% endfor %}{% endfor %}{% if alertsTotal > 20 %}- and {{ alertsTotal | minus: 20 }} more
{% endif %}{% endif %}{% if nodes %}
{{ infrastructure.name }}: from {{ nodes.current }} to {{ nodes.desired }} nodes
{% endif %}`;

export class EmailParams {
  @Text({ description: 'Mail server', minLength: 1, maxLength: 255, example: 'mail.example.com' })
  host: string;

  @Whole({ description: 'Its port', minimum: 1, maximum: 65_535 })
  port = 587;

  @Choice(SECURITY, { description: 'starttls: required before anything is said; tls: from the start; none' })
  security: (typeof SECURITY)[number] = 'starttls';

  @Text({ description: 'Name to log in with', optional: true, maxLength: 500 })
  username?: string;

  @Text({
    directs: 'nothing',
    description: 'Password to log in with',
    secret: true,
    optional: true,
    minLength: 1,
  })
  password?: string;

  @Text({
    directs: 'nothing',
    description: 'Sender',
    pattern: ADDRESS,
    patternHint: ADDRESS_HINT,
    example: 'monscale@example.com',
  })
  from: string;

  @TextList({ directs: 'nothing', description: 'Recipients', maxItems: 50 })
  to: string[];

  @Text({ directs: 'nothing', description: 'Subject', template: 'text', maxLength: 1_000 })
  subject: string = SUBJECT;

  @Text({
    directs: 'nothing',
    description: 'What it says, as plain text',
    template: 'text',
    maxLength: 100_000,
  })
  text: string = BODY;

  @Nested(() => TlsParams, { description: 'TLS to the server', optional: true })
  tls?: TlsParams;

  problems(): FieldError[] {
    const problems: FieldError[] = [];
    if (this.to.length === 0) problems.push({ pointer: '/to', detail: 'must have at least one address' });
    for (const [index, address] of this.to.entries()) {
      if (!ADDRESS.test(address)) problems.push({ pointer: `/to/${index}`, detail: ADDRESS_HINT });
    }
    if ((this.username === undefined) !== (this.password === undefined)) {
      const missing = this.username === undefined ? '/username' : '/password';
      problems.push({ pointer: missing, detail: 'is required: name and password go together' });
    }
    return problems;
  }
}

@ActionMapping({
  type: 'email',
  title: 'Email',
  description: 'Sends a plain-text message by SMTP',
  params: EmailParams,
  capacity: 'none',
})
@Injectable()
export class Email implements Action<EmailParams> {
  /** Sends the message. If it was handed over and not confirmed, it may have been delivered: its end is `unknown`. */
  async execute(params: EmailParams, context: ActionContext): Promise<ActionResult> {
    const { host, port, security, username, password, tls, timeoutMs } = { ...params, ...context };
    if (context.signal.aborted) throw new Retryable(`not sent: ${messageOf(context.signal.reason)}`);
    const connectMs = Math.min(CONNECT_TIMEOUT_MS, timeoutMs);
    const transport = heard(
      createTransport({
        host,
        port,
        getSocket: (_, proceed) => {
          connectTo({ host, port }, connectMs, context.signal).then(
            (connection) => proceed(null, { connection }),
            proceed,
          );
        },
        secure: security === 'tls',
        requireTLS: security === 'starttls',
        ignoreTLS: security === 'none',
        auth: username === undefined ? undefined : { user: username, pass: password },
        tls: { ...tls },
        connectionTimeout: connectMs,
        greetingTimeout: timeoutMs,
        socketTimeout: timeoutMs,
        disableFileAccess: true,
        disableUrlAccess: true,
      }),
    );
    const journey = { isBegun: false };
    transport.use('stream', (mail, proceed) => {
      mail.message.processFunc((message) =>
        // Read when the server has taken sender and recipients: from here on the message may be on its way.
        heard(message).once('resume', () => {
          try {
            context.signal.throwIfAborted();
            assertMaySend(context.signal);
            journey.isBegun = true;
          } catch (error) {
            message.destroy(error as Error);
          }
        }),
      );
      proceed();
    });
    try {
      // An abort ends the connection, wherever the conversation is; the first that listens says why.
      const stopped = aborted(context.signal);
      const sending = transport.sendMail({ ...messageFrom(params, context), signal: context.signal });
      sending.catch(() => undefined);
      const sent = await Promise.race([stopped, sending]);
      const partly = refusedIn(sent, `${host}:${port}`);
      if (partly !== undefined) throw partly;
      const { response = '' } = sent;
      if (!YES.test(response.trim()))
        throw unclear(`${host}:${port}: ${smtpWords({ response, command: 'DATA' })}`);
      return { detail: response };
    } catch (error) {
      if (error instanceof Permanent || error instanceof Ambiguous) throw error;
      throw failureOf(error as SmtpError, `${host}:${port}`, journey.isBegun);
    } finally {
      transport.close();
    }
  }

  preview(params: EmailParams, context: ActionContext) {
    const { host, port, security, username } = params;
    return { server: `${host}:${port}`, security, username, message: messageFrom(params, context) };
  }

  target({ host, port }: EmailParams): string {
    return `${host}:${port}`;
  }

  idempotent(): boolean {
    return false;
  }
}

/** Returns the message. Its id is the same at every attempt, so that a mailbox may drop a duplicate. */
function messageFrom({ from, to, subject, text }: EmailParams, { executionId }: ActionContext) {
  const domain = from.slice(from.lastIndexOf('@') + 1);
  return {
    from,
    to,
    subject: subject.replace(/\s+/g, ' ').trim(),
    text,
    messageId: `<${executionId}@${domain}>`,
    // RFC 3834: no answering machine is to answer it.
    headers: { 'Auto-Submitted': 'auto-generated' },
  };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => reject(new Error(messageOf(signal.reason)));
    signal.addEventListener('abort', fail, { once: true });
  });
}

/**
 * Returns an error if the server refused some of the recipients. It is permanent even where the refusals are temporary:
 * a retry would reach the accepted recipients again.
 */
function refusedIn(sent: SentMessageInfo, server: string): Permanent | undefined {
  const { accepted, rejected, rejectedErrors = [] } = sent as Delivery;
  if (rejected.length === 0) return undefined;
  const refusals = rejectedErrors.map(
    ({ recipient, response }) => recipient + (response === undefined ? '' : ` (${response})`),
  );
  const refused = refusals.length > 0 ? refusals : rejected;
  return new Permanent(
    `${server} took it for ${accepted.join(', ')}, and refused it for ${refused.join(', ')}; it is not sent again`,
  );
}

/** Nodemailer's report of an envelope: addresses, and the server's answers about refused ones. */
interface Delivery {
  accepted: string[];
  rejected: string[];
  rejectedErrors?: { recipient: string; response?: string }[];
}

type SmtpError = Error & { code?: string; response?: string; responseCode?: number; command?: string };

/** Pattern of the last line of an answer that says yes. */
const YES = /(?:^|\n)2\d\d(?: [^\n]*)?$/;

/** Codes of errors that a retry can't help: https://nodemailer.com/errors. */
const OURS = ['EENVELOPE', 'ETLS', 'EAUTH', 'ENOAUTH', 'EMESSAGE'];

/**
 * Returns the error for a failure. The server's status comes first: 4yz is temporary, 5yz permanent (RFC 5321, section
 * 4.2.1). Any other answer to the message is neither yes nor no: the server has it, and may have delivered it.
 */
function failureOf(error: SmtpError, server: string, isBegun: boolean): Error {
  const { message: reason, code = '', response, responseCode = 0, command = '' } = error;
  const message = `${server}: ${smtpWords(error)}`;
  if (responseCode >= 500 && responseCode < 600) return new Permanent(message);
  if (responseCode >= 400 && responseCode < 500) return new Retryable(message);
  if (isBegun && response !== undefined && command.startsWith('DATA')) return unclear(message);
  if (responseCode > 0) return new Retryable(message);
  if (
    error instanceof AddressRefused ||
    OURS.includes(code) ||
    /certificate|self[- ]signed|altnames/i.test(reason)
  )
    return new Permanent(message);
  return isBegun ? unclear(message) : new Retryable(message);
}

const unclear = (message: string): Ambiguous => new Ambiguous(`${message}; it may have been sent`);
