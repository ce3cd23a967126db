import { setTimeout as sleep } from 'node:timers/promises';
import { inBatches, until, type Api, type Json, type World } from '../../program';
import { WebhookSink } from '../../stand-ins/webhook-sink';

export const SERVICES = 100;
export const INTERVAL_SECONDS = 10;
const ALERTS_A_MINUTE = 100;
/** How long an alert may take to be acted on: the worker that had it in hand may be dead, which is noticed within 10 s. */
const SETTLE_MS = 12_000;
const ALERTING = 'good-alerts';

/** What goes on whatever happens: services that are read, alerts that are acted on, each once and in time. */
export class GoodWork {
  private readonly sink = new WebhookSink();
  /** When each alert was sent, by its key. */
  private readonly sent = new Map<string, number>();
  private readonly done = new Map<string, { at: number; keys: Set<unknown> }>();
  private readonly refused: string[] = [];
  private isOver = false;
  private sending: Promise<void> = Promise.resolve();

  constructor(
    private readonly world: World,
    private readonly api: Api,
    private readonly redisUrl: string,
  ) {}

  async begin(): Promise<void> {
    const url = await this.sink.start();
    await this.api.create('/actions', {
      name: 'tell',
      type: 'webhook',
      params: { url: `${url}/tell`, body: '{{ alert.labels.key }}' },
      timeoutSeconds: 5,
    });
    await this.api.create('/services', {
      name: ALERTING,
      metrics: { good: { type: 'alert', params: { match: { kind: 'good' } } } },
      condition: 'good == 1',
      // Each alert is to be acted on.
      wisdomSeconds: 0,
      actions: ['tell'],
    });
    const numbers = Array.from({ length: SERVICES }, (_, n) => n);
    await inBatches(numbers, 10, (n) => this.api.create('/services', this.polled(n, url)));
    this.sending = this.send();
  }

  /** A quarter each of what is asked over HTTP, in Redis, in PostgreSQL, and by a name. */
  private polled(n: number, url: string): object {
    const port = new URL(url).port;
    const kinds = [
      { type: 'http_status', params: { url: `${url}/good-${n}` } },
      { type: 'redis_list_length', params: { url: this.redisUrl, key: `good-${n}` } },
      { type: 'sql_query', params: { url: this.world.databaseUrl, query: `SELECT ${n}` } },
      { type: 'http_response_time', params: { url: `http://good-${n}.alive.test:${port}/named-${n}` } },
    ];
    return {
      name: `good-${n}`,
      intervalSeconds: INTERVAL_SECONDS,
      metrics: { value: kinds[n % kinds.length] },
      condition: 'value < 0',
    };
  }

  private async send(): Promise<void> {
    for (let n = 0; !this.isOver; n++) {
      const key = `good-alert-${n}`;
      this.sent.set(key, performance.now());
      void this.post(key);
      await sleep(60_000 / ALERTS_A_MINUTE);
      this.note();
    }
  }

  /** As a careful sender does: until it is taken. */
  private async post(key: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.api
        .post('/alerts', { dedupKey: key, labels: { kind: 'good', key } })
        .catch((error: Error) => ({ status: error.message }));
      if (answer.status === 202) return;
      if (attempt === 5) return void this.refused.push(`${key}: ${answer.status}`);
      await sleep(1_000);
    }
  }

  private note(): void {
    for (const { path, body, headers } of this.sink.requests.splice(0)) {
      if (path !== '/tell') continue;
      const known = this.done.get(body) ?? { at: performance.now(), keys: new Set() };
      known.keys.add(headers['idempotency-key']);
      this.done.set(body, known);
    }
  }

  /** Stops sending, waits for what is under way, and says what was late, lost or done twice. */
  async end(): Promise<string[]> {
    this.isOver = true;
    await this.sending;
    const isDone = () => {
      this.note();
      return this.done.size >= this.sent.size;
    };
    await until(isDone, SETTLE_MS, 'all alerts are acted on').catch(() => undefined);
    const violations = [...this.refused.map((one) => `a good alert was refused: ${one}`)];
    for (const [key, sentAt] of this.sent) {
      const deed = this.done.get(key);
      if (deed === undefined) violations.push(`${key} was not acted on`);
      else if (deed.keys.size > 1) violations.push(`${key} was acted on ${deed.keys.size} times`);
      else if (deed.at - sentAt > SETTLE_MS)
        violations.push(`${key} was acted on after ${((deed.at - sentAt) / 1000).toFixed(1)} s`);
    }
    return [...violations, ...(await this.gaps())];
  }

  get alerts(): number {
    return this.sent.size;
  }

  /** Services whose readings are more than two intervals apart: one was late by more than an interval. */
  private async gaps(): Promise<string[]> {
    const violations: string[] = [];
    const numbers = Array.from({ length: SERVICES }, (_, n) => n);
    await inBatches(numbers, 4, async (n) => {
      const { body } = await this.api.get(`/services/good-${n}/samples`);
      const times = (body.points as [string, Json][]).map(([at]) => Date.parse(at));
      times.push(Date.now());
      const gaps = times.slice(1).map((at, index) => ({ from: times[index]!, ms: at - times[index]! }));
      if (gaps.length === 0) violations.push(`good-${n} was not read`);
      for (const { from, ms } of gaps.filter(({ ms }) => ms > 2 * INTERVAL_SECONDS * 1000))
        violations.push(`good-${n} was not read for ${ms / 1000} s from ${new Date(from).toISOString()} on`);
    });
    return violations;
  }

  async clear(): Promise<void> {
    this.isOver = true;
    await this.sink.stop();
  }
}
