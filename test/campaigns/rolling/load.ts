/** What comes in while versions change: alerts over HTTP and informs over UDP, sent again until they are taken, as senders do. */
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSession, ObjectType, Version2c, type Session } from 'net-snmp';
import { ADMIN_TOKEN } from '../../program';
import { COMMUNITY, KEY_OID, OID } from '../informs';
import type { Tell } from './workloads';

/** Longest time for which an alert, or an inform, is sent again. */
const GIVE_UP_MS = 90_000;
const TIMEOUT_MS = 30_000;
const AGAIN_MS = 250;
const INFORM_MS = 1_000;
const INFORMS_FROM = 4;

export interface Rates {
  /** Alerts in a second, and how many of them go into a request. */
  alerts: number;
  alertsEach: number;
  /** One in so many is acted on. */
  actsOn: number;
  /** Services whose alerts are acted on. */
  services: number;
  informs: number;
}

/** Counts of a phase. */
export interface Counts {
  requests: number;
  /** Requests that were told to come again, and connections that were cut before an answer. */
  refused: number;
  cut: number;
  slowestMs: number;
}

const noCounts = (): Counts => ({ requests: 0, refused: 0, cut: 0, slowestMs: 0 });

/** Name of the host of alerts that service number `index` acts on. */
export const hostOf = (index: number): string => `host-${index}`;

/** Sends alerts at a steady rate over connections that are kept. */
export class AlertLoad {
  /** Numbers of the alerts that were accepted; and of those that are to be acted on. */
  readonly accepted: number[] = [];
  readonly toActOn = new Set<number>();
  counts = noCounts();
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 64 });
  private readonly open = new Set<Promise<void>>();
  private next = 0;
  private timer?: NodeJS.Timeout;

  constructor(
    private readonly port: number,
    private readonly rates: Rates,
    private readonly tell: Tell,
  ) {}

  start(): void {
    const begun = performance.now();
    let sent = 0;
    const perSecond = this.rates.alerts / this.rates.alertsEach;
    this.timer = setInterval(() => {
      // As many as are due by now: a timer that comes late makes up for it.
      for (; sent < ((performance.now() - begun) / 1_000) * perSecond; sent++) this.send();
    }, 10);
  }

  /** Sends no more, and waits until all is accepted or given up. */
  async end(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.open);
    this.agent.destroy();
  }

  /** Counts since the last time. */
  taken(): Counts {
    const { counts } = this;
    this.counts = noCounts();
    return counts;
  }

  private send(): void {
    const { alertsEach, actsOn, services } = this.rates;
    const numbers = Array.from({ length: alertsEach }, () => this.next++);
    const alerts = numbers.map((n) => {
      const acts = n % actsOn === 0;
      const host = acts ? hostOf((n / actsOn) % services) : 'of-no-rule';
      return { dedupKey: `alert-${n}`, labels: { host, n: String(n) } };
    });
    const sending = this.untilAccepted(JSON.stringify(alerts), numbers).finally(() =>
      this.open.delete(sending),
    );
    this.open.add(sending);
  }

  private async untilAccepted(body: string, numbers: readonly number[]): Promise<void> {
    const begun = performance.now();
    for (;;) {
      this.counts.requests += 1;
      const answer = await this.post(body).catch(() => undefined);
      if (answer?.status === 202) break;
      if (answer === undefined) this.counts.cut += 1;
      else if (answer.status === 503 && answer.retryAfter !== undefined) this.counts.refused += 1;
      else this.tell(`alerts were answered ${answer.status} ${answer.text.slice(0, 300)}`);
      if (performance.now() - begun > GIVE_UP_MS)
        return this.tell(`alerts ${numbers[0]} to ${numbers.at(-1)} were not taken in 90 s`);
      await sleep(answer?.retryAfter === undefined ? AGAIN_MS : Number(answer.retryAfter) * 1_000);
    }
    this.counts.slowestMs = Math.max(this.counts.slowestMs, performance.now() - begun);
    this.accepted.push(...numbers);
    for (const n of numbers) if (n % this.rates.actsOn === 0) this.toActOn.add(n);
  }

  private post(body: string): Promise<{ status: number; retryAfter?: string; text: string }> {
    return new Promise((resolve, reject) => {
      const asked = request(
        {
          port: this.port,
          host: '127.0.0.1',
          method: 'POST',
          path: '/api/v1/alerts',
          agent: this.agent,
          timeout: TIMEOUT_MS,
          headers: {
            authorization: `Bearer ${ADMIN_TOKEN}`,
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
          },
        },
        (answer) => {
          let text = '';
          answer.setEncoding('utf8');
          answer.on('data', (part: string) => (text += part));
          answer.on('error', reject);
          answer.on('end', () =>
            resolve({ status: answer.statusCode!, retryAfter: answer.headers['retry-after'], text }),
          );
        },
      );
      asked.on('timeout', () => asked.destroy(new Error('no answer in 30 s')));
      asked.on('error', reject);
      asked.end(body);
    });
  }
}

/** Sends informs, each message again until it is acknowledged, as it is. */
export class InformLoad {
  readonly acknowledged: string[] = [];
  private readonly sessions: Session[];
  private readonly open = new Set<Promise<void>>();
  private next = 0;
  private timer?: NodeJS.Timeout;

  constructor(
    port: number,
    private readonly perSecond: number,
    private readonly tell: Tell,
  ) {
    this.sessions = Array.from({ length: INFORMS_FROM }, () => {
      const retries = GIVE_UP_MS / INFORM_MS;
      const options = { trapPort: port, version: Version2c, retries, timeout: INFORM_MS, backoff: 1 };
      const session = createSession('127.0.0.1', COMMUNITY, options);
      session.on('error', () => undefined);
      return session;
    });
  }

  start(): void {
    if (this.perSecond > 0) this.timer = setInterval(() => this.send(), 1_000 / this.perSecond);
  }

  async end(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.open);
    for (const session of this.sessions) session.close();
  }

  /** Resolves once the listener takes informs: it has to learn of its source. @throws when it does not in time */
  async first(): Promise<void> {
    await this.untilAcknowledged('first', this.sessions[0]!);
  }

  private send(): void {
    const n = this.next++;
    const session = this.sessions[n % this.sessions.length]!;
    const sending = this.untilAcknowledged(`inform-${n}`, session).finally(() => this.open.delete(sending));
    this.open.add(sending);
  }

  private async untilAcknowledged(key: string, session: Session): Promise<void> {
    const varbinds = [{ oid: KEY_OID, type: ObjectType.OctetString, value: key }];
    const isTaken = await new Promise<boolean>((resolve) =>
      session.inform(OID, varbinds, (error: Error | null) => resolve(!error)),
    );
    if (isTaken) this.acknowledged.push(key);
    else this.tell(`the inform ${key} was not acknowledged in 90 s`);
  }
}
