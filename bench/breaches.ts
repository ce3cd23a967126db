/** Services that are fed by alerts and call a webhook: the way from a breach to its action. */
import { type BenchProgram, until } from './program';
import type { Sink } from './sink';

const BATCH = 100;

/** Each with a rule of its own. @returns their names */
export async function defineBreachable(program: BenchProgram, count: number, sink: Sink): Promise<string[]> {
  await program.post('/api/v1/actions', {
    name: 'tell-breach',
    type: 'webhook',
    params: { url: `${sink.origin}/{{ service.name }}` },
  });
  await program.post('/api/v1/services', {
    name: 'template',
    metrics: { breach: { type: 'alert', params: { match: { name: 'template' } } } },
    condition: 'breach == 1',
    wisdomSeconds: 3600,
    actions: ['tell-breach'],
  });
  await program.copyService('template', count, {
    metrics: `jsonb_set(s.metrics, '{breach,params,match,name}', to_jsonb('copy-' || c.n))`,
  });
  return Array.from({ length: count }, (_, index) => `copy-${index + 1}`);
}

/** Makes their rules known, by alerts that end other problems. */
export async function evaluateOnce(program: BenchProgram, names: readonly string[]): Promise<void> {
  const resolved = names.map((name) => ({
    labels: { name },
    dedupKey: `another problem of ${name}`,
    status: 'resolved',
  }));
  for (let n = 0; n < names.length; n += 500)
    await program.post('/api/v1/alerts', resolved.slice(n, n + 500));
  await until(async () => {
    const { rows } = await program.sql.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM alerts WHERE processed < revision',
    );
    return rows[0]!.count === 0;
  }, 'all alerts are processed');
}

export interface Burst {
  acceptedAfterMs: number;
  lastAfterMs: number;
  perSecond: number;
}

/** Alerts for all of those services at once, 100 a request; waits for their webhooks. */
export async function burst(program: BenchProgram, names: readonly string[], sink: Sink): Promise<Burst> {
  const sentAt = performance.now();
  const bodies = Array.from({ length: Math.ceil(names.length / BATCH) }, (_, index) =>
    names.slice(index * BATCH, (index + 1) * BATCH).map((name) => ({ labels: { name } })),
  );
  await Promise.all(bodies.map((body) => program.post('/api/v1/alerts', body)));
  const acceptedAfterMs = performance.now() - sentAt;
  await until(() => names.every((name) => sink.arrivedAt.has(name)), 'all webhooks came');
  const lastAfterMs = Math.max(...names.map((name) => sink.arrivedAt.get(name)!)) - sentAt;
  return { acceptedAfterMs, lastAfterMs, perSecond: (1000 * names.length) / lastAfterMs };
}
