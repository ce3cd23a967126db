/** What is there in the world of the console's stories: a thing of each kind, executions that ended each way. */
import { secret, until, type Json, type MonscaleProcess } from '../program';
import type { WebhookSink } from '../stand-ins/webhook-sink';

export const PASSWORD = 'a password of the specs';
/** Value of a header that no page may show. */
export const HEADER = secret('kept-header-of-the-page-specs');
/** A name as people should not give. */
export const ODD = `"it's" <b>🐳 ${'x'.repeat(150)}`;

const service = (name: string, more: object) => ({
  name,
  intervalSeconds: 1,
  metrics: { load: { type: 'static_count', params: { value: 9 } } },
  condition: 'load > 5',
  wisdomSeconds: 3600,
  ...more,
});

/** Returns the newest execution of an action that has a status; nothing while there is none. */
export async function ended({ api }: MonscaleProcess, action: string, status: string): Promise<Json> {
  const { body } = await api.get(`/executions?action=${action}&status=${status}`);
  return body.items[0];
}

/** Makes it all, and waits until it has happened. */
export async function makeThings(program: MonscaleProcess, sink: WebhookSink, url: string): Promise<void> {
  const { api } = program;
  const webhook = (path: string, more: object = {}) => ({
    type: 'webhook',
    retry: { attempts: 1 },
    params: { url: `${url}/${path}`, headers: { 'X-Key': HEADER }, ...more },
  });
  await api.create('/infrastructures', {
    name: 'web',
    nodes: { type: 'static_count', params: { value: 2 } },
    maxNodes: 5,
  });
  await api.create('/actions', { name: ODD, ...webhook('odd') });
  await api.create('/actions', { name: 'grow', ...webhook('grow', { body: 'to {{ nodes.desired }}' }) });
  await api.create('/actions', { name: 'broken', ...webhook('broken') });
  await api.create('/actions', { name: 'unsure', ...webhook('unsure', { idempotent: false }) });
  await api.create('/sources', { name: 'prometheus', format: 'alertmanager' });
  sink.next.push({ status: 400 });
  await api.create('/services', service('failing', { actions: ['broken'] }));
  await until(() => ended(program, 'broken', 'failed'), 20_000);
  sink.next.push({ drop: 'after' });
  await api.create('/services', service('guessing', { actions: ['unsure'] }));
  await until(() => ended(program, 'unsure', 'unknown'), 20_000);
  const scaling = { infrastructure: 'web', direction: 'up', mode: 'approve', actions: ['grow'] };
  await api.create('/services', service('growing', scaling));
  await until(() => ended(program, 'grow', 'awaiting_approval'), 20_000);
  for (const name of ['shop-1', 'shop-2', 'shop-3'])
    await api.create('/services', service(name, { condition: 'load > 50', labels: { team: 'shop' } }));
  await api.create('/services', service('watched', { mode: 'shadow', actions: ['grow'] }));
  await api.create('/services', service('below', { dependsOn: [{ service: 'failing' }] }));
  await api.create('/silences', {
    match: { labels: { team: 'shop' } },
    reason: 'Every Saturday, <b>the batch</b>',
    endsAt: new Date(Date.now() + 30 * 86_400_000).toISOString(),
    schedule: { rrule: 'FREQ=WEEKLY;BYDAY=SA;BYHOUR=2', timeZone: 'Europe/Madrid', durationSeconds: 7_200 },
  });
  // Last: what it sends would be answered in the stead of what is above.
  await api.create('/contacts', {
    name: 'on call',
    action: 'tell',
    events: ['failed', 'unknown', 'approval'],
  });
  await api.post('/alerts', { labels: { alertname: 'WebDown' }, annotations: { summary: ODD } });
}
