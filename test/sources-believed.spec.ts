/** A source speaks for what it may, a metric hears whom it believes, and the last received is the newest. */
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Api, secret, until, World, type Json, type MonscaleProcess } from './program';
import { hasSnmpTools } from './stand-ins/snmp-tools';

const run = promisify(execFile);
const WAIT_MS = 10_000;
/** Long enough for something wrong to show. */
const QUIET_MS = 700;
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };

describe('sources', () => {
  let world: World;
  let program: MonscaleProcess;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    program = await world.start();
    ({ api } = program);
  }, 60_000);

  afterAll(async () => {
    await world?.end();
  });

  const watch = (name: string, params: object = {}, changes: object = {}) =>
    api.create('/services', {
      name,
      metrics: { outage: { type: 'alert', params: { match: { host: name }, ...params } } },
      condition: 'outage > 5',
      ...changes,
    });
  const polled = (name: string, metrics: object) =>
    api.create('/services', { name, intervalSeconds: 3_600, metrics, condition: '1 > 2' });
  const count = { type: 'static_count', params: { value: 1 } };
  const source = async (name: string, changes: object = {}) => {
    const { token } = await api.create('/sources', { name, format: 'native', ...changes });
    return new Api(`${program.url}/api/v1`, secret(token as string));
  };
  const value = async (service: string, metric = 'outage'): Promise<Json> =>
    (await api.get(`/services/${service}/state`)).body.values[metric];
  const becomes = (service: string, wanted: number, metric = 'outage') =>
    until(async () => (await value(service, metric)).value === wanted, WAIT_MS, `${service} is ${wanted}`);
  const details = ({ body }: { body: Json }): string => JSON.stringify(body);

  it.each([
    ['at 2099', { at: '2099-01-01T00:00:00Z' }],
    ['now', {}],
    ['4 minutes ahead', { at: new Date(Date.now() + 240_000).toISOString() }],
  ])('what is said first, with a time %s, masks nothing that comes after it', async (when, time) => {
    const name = `masked-${when.replaceAll(' ', '-')}`;
    await watch(name);
    const said = { labels: { host: name }, dedupKey: `${name}-old`, value: 0, ...time };
    expect((await api.post('/alerts', said)).status).toBe(202);
    await becomes(name, 0);
    const outage = { labels: { host: name }, dedupKey: `${name}-new`, value: 9, at: new Date(Date.now() - 5_000).toISOString() }; // prettier-ignore
    expect((await api.post('/alerts', outage)).status).toBe(202);
    await becomes(name, 9);
    // The same as before, again: it says nothing new.
    expect((await api.post('/alerts', said)).status).toBe(202);
    await sleep(QUIET_MS);
    const state = (await api.get(`/services/${name}/state`)).body;
    expect([state.phase, state.values.outage.value]).toEqual(['alarm', 9]);
  });

  it('a polled metric takes what is sent where its service says so', async () => {
    await polled('closed', { cpu: count });
    await polled('open', { cpu: { ...count, acceptsPushed: true } });
    await polled('both', { open: { ...count, acceptsPushed: true }, closed: count });
    const native = await source('feeder');
    for (const sender of [native, api]) {
      for (const alert of [
        { service: 'closed', value: 99 },
        { service: 'closed', metric: 'cpu', value: 99 },
        { service: 'both', metric: 'closed', value: 99 },
      ]) {
        const answer = await sender.post('/alerts', alert);
        expect([answer.status, answer.body.errors]).toEqual([400, [{ pointer: '/metric', detail: expect.stringContaining('acceptsPushed') }]]); // prettier-ignore
      }
    }
    const some = await native.post('/alerts', [
      { service: 'closed', value: 99 },
      { service: 'open', value: 42 },
      { service: 'both', metric: 'open', value: 43 },
    ]);
    expect([some.status, some.body.rejected.map(({ index }: Json) => index)]).toEqual([202, [0]]);
    await becomes('open', 42, 'cpu');
    await becomes('both', 43, 'open');
    const put = async (name: string) =>
      (await program.root.put('/trap', `name=${name}&value=7`, FORM)).status;
    expect([await put('closed'), await put('open'), await put('both')]).toEqual([400, 204, 204]);
    await becomes('open', 7, 'cpu');
    expect((await value('both', 'closed')).value).not.toBe(7);
    const { body } = await api.get('/services/open');
    expect(body.metrics.cpu.acceptsPushed).toBe(true);
    // Committed before the service said otherwise.
    expect((await api.patch('/services/open', { metrics: { cpu: { acceptsPushed: null } } })).status).toBe(
      200,
    );
    expect((await native.post('/alerts', { service: 'open', value: 1 })).status).toBe(400);
    const wrong = await api.post('/services', {
      name: 'x',
      metrics: { m: { ...count, acceptsPushed: 'yes' } },
      condition: 'm > 1',
    });
    expect(wrong.body.errors[0].pointer).toBe('/metrics/m/acceptsPushed');
  });

  it('a source that is confined to services speaks for no other', async () => {
    await watch('mine');
    await watch('theirs', { match: { team: 'both' } });
    await watch('mine-too', { match: { team: 'both' } });
    const confined = await source('confined', { services: ['mine', 'mine-too'] });
    const other = await confined.post('/alerts', { service: 'theirs', value: 9 });
    expect([other.status, details(other)]).toEqual([
      400,
      expect.stringMatching(/may not speak for service theirs/),
    ]);
    const unasked = await confined.post('/alerts', [
      { labels: { host: 'theirs' }, value: 9 },
      { labels: { host: 'mine' }, value: 9 },
      { labels: { team: 'both' }, value: 8 },
    ]);
    expect(unasked.body.rejected).toEqual([
      { index: 0, errors: [{ pointer: '/labels', detail: expect.stringContaining('may speak for') }] },
    ]);
    await becomes('mine', 9);
    await becomes('mine-too', 8);
    await sleep(QUIET_MS);
    expect((await value('theirs')).value).toBe(0);
    // Who may speak for all feeds both by the same labels.
    await api.post('/alerts', { labels: { team: 'both' }, value: 7 });
    await becomes('theirs', 7);
    // A service that comes later is not fed by what was said before.
    await watch('later', { match: { team: 'both' } });
    await becomes('later', 7);
    const trap = async (name: string) => {
      const answer = await fetch(`${program.url}/trap`, {
        method: 'PUT',
        headers: { ...FORM, Authorization: `Bearer ${confined['token']}` },
        body: `name=${name}&value=1`,
      });
      return answer.status;
    };
    expect([await trap('theirs'), await trap('mine')]).toEqual([403, 204]);
    const ended = await confined.post('/alerts', { labels: { host: 'mine' }, status: 'resolved' });
    expect(ended.status).toBe(202);
  });

  it('a source that is confined to labels says nothing without them, and adds its own', async () => {
    const web = await source('web', {
      labels: { team: 'web' },
      addLabels: { origin: 'web-cluster', team: 'web' },
    });
    const strict = await source('strict', { labels: { team: 'web' } });
    await watch('origin', { match: { origin: 'web-cluster', case: 'origin' } });
    await web.post('/alerts', { labels: { case: 'origin', origin: 'forged', team: 'forged' }, value: 9 });
    await becomes('origin', 9);
    const [kept] = (await api.get('/alerts?source=web')).body.items;
    expect(kept.labels).toEqual({ case: 'origin', origin: 'web-cluster', team: 'web' });
    for (const labels of [{ a: 'b' }, { team: 'db' }, { team: 'web ' }]) {
      const refused = await strict.post('/alerts', { labels });
      expect([refused.status, refused.body.errors[0].pointer]).toEqual([400, '/labels']);
    }
    expect((await strict.post('/alerts', { labels: { team: 'web' } })).status).toBe(202);
    const { token } = await api.create('/sources', {
      name: 'am',
      format: 'alertmanager',
      labels: { team: 'web' },
      addLabels: { via: 'am' },
    });
    const alertmanager = new Api(`${program.url}/api/v1`, secret(token as string));
    const alert = (team: string) => ({
      status: 'firing',
      labels: { alertname: team, team, via: 'forged' },
      startsAt: new Date().toISOString(),
      fingerprint: team,
    });
    const answer = await alertmanager.post('/alerts/alertmanager', {
      version: '4',
      alerts: [alert('web'), alert('db')],
    });
    expect([answer.status, answer.body.rejected.map(({ index }: Json) => index)]).toEqual([202, [1]]);
    const [of] = (await api.get('/alerts?source=am')).body.items;
    expect(of.labels).toEqual({ alertname: 'web', team: 'web', via: 'am' });
  });

  it('a metric hears the sources it believes, by labels and by name', async () => {
    const trusted = await source('trusted');
    const stranger = await source('stranger');
    await watch('believer', { source: 'trusted' });
    await watch('believers', { source: ['trusted', 'api'] });
    for (const host of ['believer', 'believers']) {
      await stranger.post('/alerts', { labels: { host }, value: 9 });
      const named = await stranger.post('/alerts', { service: host, value: 9 });
      expect([named.status, details(named)]).toEqual([400, expect.stringMatching(/believes trusted/)]);
    }
    await sleep(QUIET_MS);
    expect([(await value('believer')).value, (await value('believers')).value]).toEqual([0, 0]);
    await trusted.post('/alerts', { labels: { host: 'believer' }, value: 8 });
    await api.post('/alerts', { service: 'believers', value: 7 });
    await becomes('believer', 8);
    await becomes('believers', 7);
    expect((await program.root.put('/trap', 'name=believer&value=1', FORM)).status).toBe(400);
    // Whom it does not believe any more does not feed it any more.
    await api.patch('/services/believer', { metrics: { outage: { params: { source: 'nobody' } } } });
    await becomes('believer', 0);
    for (const [wrong, place] of [
      [5, ''],
      [[], ''],
      [[''], '/0'],
      [['trusted', 'a/b'], '/1'],
      [{}, ''],
    ] as const) {
      const params = { match: { a: 'b' }, source: wrong };
      const answer = await api.post('/services', {
        name: 'x',
        metrics: { m: { type: 'alert', params } },
        condition: 'm > 1',
      });
      expect([answer.status, answer.body.errors[0].pointer]).toEqual([
        400,
        `/metrics/m/params/source${place}`,
      ]);
    }
  });

  (hasSnmpTools() ? it : it.skip)(
    'notifications of SNMP carry the labels of their source, and are confined as others',
    async () => {
      const snmp = (name: string, changes: object) =>
        api.create('/sources', {
          name,
          format: 'snmp',
          params: { communities: [secret(`hush-${name}`)] },
          ...changes,
        });
      await snmp('site-a', { addLabels: { site: 'a' } });
      await snmp('site-b', { labels: { site: 'b' } });
      await watch('by-site', { match: { site: 'a', trap_oid: '1.3.6.1.6.3.1.1.5.1' } });
      const trap = (name: string) =>
        run('snmptrap', [
          '-v2c',
          '-c',
          `hush-${name}`,
          `127.0.0.1:${program.port}`,
          '',
          '1.3.6.1.6.3.1.1.5.1',
        ]);
      await until(async () => {
        await trap('site-a');
        return (await value('by-site')).value === 1;
      }, WAIT_MS);
      await until(async () => {
        await trap('site-b');
        const { body } = await api.get('/sources/site-b/refused');
        return body.items.some(({ reason }: Json) => reason === 'labels not allowed');
      }, WAIT_MS);
      expect(await api.all('/alerts?source=site-b')).toEqual([]);
    },
  );

  it('what a source may is checked, shown, exported and taken back', async () => {
    const limits = { services: ['mine'], labels: { a: 'b' }, addLabels: { c: 'd' } };
    await source('exported', limits);
    expect((await api.get('/sources/exported')).body).toMatchObject(limits);
    const document = (await api.get('/export')).body;
    expect(document.sources.find(({ name }: Json) => name === 'exported')).toMatchObject(limits);
    const plan = await api.post('/import?dryRun=true', document);
    expect([plan.body.created, plan.body.updated, plan.body.errors]).toEqual([[], [], []]);
    const wrong: [object, string][] = [
      [{ services: [] }, '/services'],
      [{ services: 'mine' }, '/services'],
      [{ services: [5] }, '/services/0'],
      [{ labels: ['a'] }, '/labels'],
      [{ labels: { a: 1 } }, '/labels/a'],
      [{ addLabels: { a: null, b: {} } }, '/addLabels/b'],
    ];
    for (const [given, pointer] of wrong) {
      const answer = await api.post('/sources', { name: 'x', format: 'native', ...given });
      expect([answer.status, answer.body.errors[0].pointer]).toEqual([400, pointer]);
    }
    const all = await api.patch('/sources/exported', { services: null, labels: { a: null } });
    expect([all.status, all.body.services, all.body.labels]).toEqual([200, undefined, {}]);
  });
});
