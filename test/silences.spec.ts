import { setTimeout as sleep } from 'node:timers/promises';
import { until, type Api, type Json } from './program';
import { Scenario } from './scenario';
import { MachineClock } from './stand-ins/machine-clock';

describe('silences, dependencies, acknowledging', () => {
  let story: Scenario;
  let api: Api;

  beforeAll(async () => {
    story = await Scenario.begin();
    ({ api } = story);
    for (const name of ['scale', 'page', 'relax']) await story.hook(name);
  }, 60_000);
  afterAll(() => story?.end());

  const pathsOf = async (name: string): Promise<string[]> =>
    (await api.all(`/executions?service=${name}`)).map(({ action }: Json) => action).reverse();
  const isIn = (name: string, reason: string) => async () => (await story.state(name)).reason === reason;
  /** Has triggered: its reason says so until it is evaluated again, which may be at once. */
  const hasActed = (name: string) => async () => (await pathsOf(name)).includes('scale');
  const service = (name: string, changes: object = {}) => ({
    name,
    intervalSeconds: 1,
    metrics: { load: { type: 'alert', params: { match: { service: name } } } },
    condition: 'load > 80',
    wisdomSeconds: 60,
    actions: ['scale'],
    ...changes,
  });
  const polled = (name: string, changes: object = {}) => ({
    ...service(name, changes),
    metrics: { load: { type: 'static_count', params: { value: 93 } } },
  });
  const tell = (name: string, value: number) =>
    api.post('/alerts', { labels: { service: name }, dedupKey: name, value });
  const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
  const silence = (changes: object = {}) => ({
    match: { labels: { team: 'none' } },
    endsAt: inSeconds(600),
    reason: 'patching',
    ...changes,
  });

  test('what is wrong is refused and named', async () => {
    await api.create('/services', service('there', { labels: { team: 'x' } }));
    const refused = async (body: object) => {
      const answer = await api.post('/silences', body);
      return [answer.status, (answer.body.errors ?? []).map(({ pointer }: Json) => pointer)];
    };
    expect(await refused(silence({ match: {} }))).toEqual([400, ['/match']]);
    expect(await refused(silence({ match: { labels: {} } }))).toEqual([400, ['/match/labels']]);
    expect(await refused(silence({ match: { services: ['there', 'gone'] } }))).toEqual([
      400,
      ['/match/services/1'],
    ]);
    expect(await refused(silence({ match: { infrastructures: ['gone'] } }))).toEqual([400, ['/match/infrastructures/0']]); // prettier-ignore
    expect(await refused(silence({ endsAt: undefined }))).toEqual([400, ['/endsAt']]);
    expect(await refused(silence({ endsAt: inSeconds(-5) }))).toEqual([400, ['/endsAt']]);
    expect(await refused(silence({ startsAt: inSeconds(900) }))).toEqual([400, ['/endsAt']]);
    expect(await refused(silence({ endsAt: inSeconds(4e8) }))).toEqual([400, ['/endsAt']]);
    expect(await refused(silence({ reason: ' ' }))).toEqual([400, ['/reason']]);
    expect(await refused(silence({ mutes: 'all' }))).toEqual([400, ['/mutes']]);
    const schedule = (rrule: string, timeZone = 'UTC') =>
      silence({ schedule: { rrule, timeZone, durationSeconds: 60 } });
    expect(await refused(schedule('FREQ=SECONDLY'))).toEqual([400, ['/schedule/rrule']]);
    expect(await refused(schedule('FREQ=DAILY', 'Mars/Olympus'))).toEqual([400, ['/schedule/timeZone']]);
    expect(await refused(schedule('FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30'))).toEqual([
      400,
      ['/schedule/rrule'],
    ]);
    const wrong = { silence: silence({ match: { labels: { team: 5 } } }), zz: 1 };
    expect((await api.post('/silences/preview', { silence: wrong.silence })).body.errors).toMatchObject([
      { pointer: '/silence/match/labels/team' },
    ]);
    expect((await api.post('/silences/preview', wrong)).body.errors).toMatchObject([{ pointer: '/zz' }]);
    expect((await api.get('/silences/nonsense')).status).toBe(404);
  });

  test('an alert is muted, its silence named; its end lets it act an interval later; a DELETE ends it at once', async () => {
    await api.create('/services', service('muted', { labels: { team: 'web' } }));
    const made = await api.create('/silences', silence({ match: { labels: { team: 'web' } } }));
    expect(made).toMatchObject({
      owner: expect.any(String),
      active: true,
      matches: 1,
      mutes: 'actions',
      onEnd: 'act',
    });
    await tell('muted', 93);
    await until(isIn('muted', 'silenced'), 10_000);
    const { explanation, silence: shown } = await story.state('muted');
    expect(explanation).toContain(`${made.owner} silenced it ("patching") until ${made.endsAt.slice(0, 10)}`);
    expect(shown).toMatchObject({ id: made.id, owner: made.owner, reason: 'patching' });
    expect((await api.get('/services/muted/why')).body.guard).toMatchObject({ reason: 'silenced' });
    expect(await pathsOf('muted')).toEqual([]);
    const endedAt = Date.now();
    expect((await api.delete(`/silences/${made.id}`)).status).toBe(204);
    await until(async () => (await pathsOf('muted')).length === 1, 10_000);
    expect(Date.now() - endedAt).toBeGreaterThan(900);
    expect((await api.get(`/silences/${made.id}`)).body).toMatchObject({
      active: false,
      endedBy: made.owner,
    });
    const { body: report } = await api.get('/services/muted/report');
    expect(report.reasons.silenced).toBeGreaterThan(0);
    const { body: audit } = await api.get('/audit?action=delete&limit=10');
    expect(audit.items).toMatchObject([{ object: { type: 'silence', id: made.id }, outcome: 'succeeded' }]);
  }, 30_000);

  test('polls are muted to the second, and a breach that waits does not act after it', async () => {
    const endsAt = inSeconds(12);
    const times = { startsAt: inSeconds(-60), endsAt };
    await api.create('/silences', silence({ match: { labels: { team: 'acts' } }, ...times }));
    await api.create('/silences', silence({ match: { labels: { team: 'waits' } }, onEnd: 'wait', ...times }));
    await api.create('/services', polled('acts', { labels: { team: 'acts' } }));
    await api.create('/services', polled('waits', { labels: { team: 'waits' } }));
    await until(isIn('waits', 'silenced'), 10_000);
    await until(async () => (await pathsOf('acts')).length === 1, 30_000);
    const [{ createdAt }] = await api.all('/executions?service=acts');
    expect(Date.parse(createdAt) - Date.parse(endsAt)).toBeGreaterThanOrEqual(1_000);
    await sleep(1_000);
    expect(await pathsOf('waits')).toEqual([]);
    expect((await story.state('waits')).explanation).toContain('waits for a fresh breach');
  }, 60_000);

  test('a list knows which mute now, also of those with a schedule', async () => {
    const of = (reason: string, more: object) =>
      api.create('/silences', silence({ match: { labels: { team: 'listed' } }, reason, ...more }));
    const { reason } = await of('runs', {});
    await of('later', { startsAt: inSeconds(600), endsAt: inSeconds(900) });
    const daily = (hour: number) => ({
      endsAt: inSeconds(3 * 86_400),
      schedule: { rrule: `FREQ=DAILY;BYHOUR=${hour}`, timeZone: 'UTC', durationSeconds: 7_200 },
    });
    const hour = new Date().getUTCHours();
    await of('window runs', { startsAt: inSeconds(-86_400), ...daily(hour) });
    await of('window rests', { startsAt: inSeconds(-86_400), ...daily((hour + 12) % 24) });
    const listed = async (active: string) =>
      (await api.all(`/silences?active=${active}`))
        .filter(({ match }) => match.labels?.team === 'listed')
        .map((one) => one.reason)
        .sort();
    expect(await listed('true')).toEqual([reason, 'window runs']);
    expect(await listed('false')).toEqual(['later', 'window rests']);
    expect((await api.get('/silences?active=perhaps')).body.errors).toMatchObject([{ pointer: '/active' }]);
  });

  test('a silence ends once its services have been ok for long enough', async () => {
    await api.create('/services', {
      ...polled('calm', { labels: { team: 'calm' } }),
      condition: 'load > 100',
    });
    const made = await api.create(
      '/silences',
      silence({ match: { services: ['calm'] }, endWhenOkForSeconds: 2 }),
    );
    expect(made.match).toEqual({ services: ['calm'] });
    await until(async () => !(await api.get(`/silences/${made.id}`)).body.active, 15_000);
    expect((await api.get(`/silences/${made.id}`)).body.endedBy).toBe('ok for 2 s');
  }, 30_000);

  test('the preview tells what the ledger says, and warns', async () => {
    await api.create('/services', service('loud', { labels: { team: 'loud' }, onRecovery: ['relax'] }));
    await tell('loud', 93);
    await until(async () => (await pathsOf('loud')).length === 1, 10_000);
    const preview = async (body: object) =>
      (await api.post('/silences/preview', { silence: silence(body) })).body;
    expect(await preview({ match: { labels: { team: 'loud' } } })).toMatchObject({
      services: [{ name: 'loud', phase: 'alarm' }],
      total: 1,
      wouldHaveMuted: [{ service: 'loud', action: 'scale' }],
      warnings: ['it mutes what is in alarm now: loud'],
    });
    await tell('loud', 10);
    await until(async () => (await pathsOf('loud')).length === 2, 10_000);
    expect((await preview({ match: { services: ['loud'] } })).wouldHaveMuted).toHaveLength(1);
    expect((await preview({ match: { services: ['loud'] }, mutes: 'notifications' })).wouldHaveMuted).toEqual(
      [],
    );
    expect((await preview({ match: { labels: { team: 'nobody' } } })).warnings).toEqual([
      'it matches no service',
    ]);
    const rrule = 'FREQ=DAILY;BYHOUR=2;BYMINUTE=30';
    const schedule = { rrule, timeZone: 'Europe/Madrid', durationSeconds: 600 };
    const shown = await preview({ match: { services: ['loud'] }, endsAt: inSeconds(366 * 86_400), schedule });
    expect(shown.nextWindows.length).toBeGreaterThanOrEqual(5);
    expect(shown.warnings).toEqual([expect.stringMatching(/02:30 does not exist in Europe\/Madrid/)]);
  }, 30_000);

  test('a service does not act while what it depends on is in alarm, and tells which', async () => {
    const site = { site: 'north' };
    await api.create('/services', service('sw-3', { labels: { ...site, kind: 'switch' } }));
    const dependsOn = [{ match: { kind: 'switch' }, equal: ['site'] }];
    await api.create('/services', service('child', { labels: site, dependsOn }));
    await api.create('/services', service('named', { dependsOn: [{ service: 'sw-3' }] }));
    await api.create('/services', service('elsewhere', { labels: { site: 'south' }, dependsOn }));
    await api.create('/services', service('siteless', { dependsOn }));
    await tell('sw-3', 93);
    await until(hasActed('sw-3'), 10_000);
    for (const name of ['child', 'named', 'elsewhere', 'siteless']) await tell(name, 93);
    for (const name of ['child', 'named']) await until(isIn(name, 'dependency'), 10_000);
    for (const name of ['elsewhere', 'siteless']) await until(hasActed(name), 10_000);
    expect((await story.state('child')).explanation).toContain(
      'sw-3, on which it depends, is in phase alarm',
    );
    expect((await api.get('/services/child/dependencies')).body).toMatchObject({
      parents: [{ service: 'sw-3', phase: 'alarm', stops: true }],
      unpaired: [],
    });
    expect((await api.get('/services/siteless/dependencies')).body).toMatchObject({
      parents: [],
      unpaired: [{ equal: ['site'], because: expect.stringContaining('no label site') }],
    });
    expect((await api.get('/services/sw-3/dependencies')).body.children).toEqual([{ service: 'child' }, { service: 'named' }]); // prettier-ignore
    const deleted = await api.delete('/services/sw-3');
    expect([deleted.status, deleted.body.detail]).toEqual([409, expect.stringContaining('named')]);
    const circle = await api.patch('/services/sw-3', { dependsOn: [{ service: 'named' }] });
    expect([circle.status, circle.body.errors]).toMatchObject([400, [{ pointer: '/dependsOn/0' }]]);
    expect(circle.body.errors[0].detail).toMatch(/circle/);
    // Two hops, by labels.
    const far = await api.patch('/services/sw-3', { dependsOn: [{ match: { site: 'north' } }] });
    expect(far.status).toBe(400);
    expect((await api.patch('/services/named', { dependsOn: [{ service: 'gone' }] })).status).toBe(400);
    expect((await api.patch('/services/named', { dependsOn: [{}] })).status).toBe(400);
    const { body: exported } = await api.get('/export');
    const { body: plan } = await api.post('/import?dryRun=true', exported);
    expect(plan.errors).toEqual([]);
    expect(plan.updated).toEqual([]);
  }, 40_000);

  test('an acknowledged alarm is told no further until its time is over', async () => {
    const then = [{ afterSeconds: 1, actions: ['page'] }];
    await api.create('/services', service('seen', { then }));
    expect((await api.post('/services/seen/acknowledge', { note: 'mine' })).status).toBe(409);
    await tell('seen', 93);
    await until(hasActed('seen'), 10_000);
    const { status, body } = await api.post('/services/seen/acknowledge', { note: 'mine', forSeconds: 3 });
    expect([status, body.acknowledged]).toMatchObject([200, { note: 'mine', by: expect.any(String) }]);
    await sleep(2_000);
    const isToldBefore = (await pathsOf('seen')).includes('page');
    await until(async () => (await pathsOf('seen')).includes('page'), 10_000);
    const told = (await api.all('/executions?service=seen&action=page'))[0];
    expect(isToldBefore && Date.parse(told.createdAt) > Date.parse(body.acknowledged.until)).toBe(false);
    expect((await api.post('/services/seen/acknowledge', { forSeconds: 3 })).status).toBe(400);
    expect((await api.delete('/services/seen/acknowledge')).status).toBe(204);
  }, 30_000);

  test('what a child did before its parent came into alarm is told in another light', async () => {
    await api.create('/services', service('sw-9'));
    await api.create('/services', service('early', { dependsOn: [{ service: 'sw-9' }] }));
    await tell('early', 93);
    await until(hasActed('early'), 10_000);
    expect((await story.state('early')).explanation).not.toContain('sw-9');
    await tell('sw-9', 93);
    await until(hasActed('sw-9'), 10_000);
    expect((await story.state('early')).explanation).toMatch(
      /triggered at .*; meanwhile sw-9, on which it depends, is in phase alarm/,
    );
    // Its next step would be stopped.
    expect((await api.get('/services/early/dependencies')).body.parents).toMatchObject([{ stops: true }]);
  }, 30_000);

  test('how long a silence may be goes by role, and what it covers by scope', async () => {
    const token = async (role: string, scope?: object): Promise<Api> =>
      api.as((await api.create('/tokens', { name: `t ${role} ${JSON.stringify(scope)}`, role, ...(scope && { scope }) })).token); // prettier-ignore
    const [viewer, operator, editor] = [
      await token('viewer'),
      await token('operator'),
      await token('editor'),
    ];
    const of = (days: number) => silence({ endsAt: inSeconds(days * 86_400 - 5) });
    expect((await viewer.post('/silences', of(1))).status).toBe(403);
    expect((await operator.post('/silences', of(1))).status).toBe(201);
    const refused = await operator.post('/silences', of(2));
    expect([refused.status, refused.body.detail]).toEqual([403, expect.stringContaining('the right editor')]);
    expect((await editor.post('/silences', of(30))).status).toBe(201);
    expect((await editor.post('/silences', of(31))).status).toBe(403);
    expect((await api.post('/silences', of(31))).status).toBe(201);
    const team = await token('operator', { labels: { team: 'blue' } });
    await api.create('/services', service('blue', { labels: { team: 'blue', env: 'prod' } }));
    await api.create('/services', service('red', { labels: { team: 'red', env: 'prod' } }));
    const made = await team.create('/silences', silence({ match: { labels: { env: 'prod' } } }));
    expect(made.matches).toBe(1);
    expect((await api.get(`/silences/${made.id}`)).body.matches).toBe(1);
    expect((await team.post('/silences', silence({ match: { services: ['red'] } }))).status).toBe(400);
    const whole = await api.create('/silences', silence({ match: { labels: { env: 'prod' } } }));
    expect((await team.get(`/silences/${whole.id}`)).body.matches).toBe(1);
    expect((await team.delete(`/silences/${whole.id}`)).status).toBe(403);
    const others = await api.create('/silences', silence({ match: { services: ['red'] } }));
    expect((await team.get(`/silences/${others.id}`)).status).toBe(404);
    const patched = await team.patch(`/silences/${made.id}`, { reason: 'still patching' });
    expect([patched.status, patched.body.reason, patched.body.version]).toEqual([200, 'still patching', 2]);
    expect((await team.delete(`/silences/${made.id}`)).status).toBe(204);
  }, 30_000);

  test('a silence outlives a restart on a machine with another time, and the rights of its maker', async () => {
    const owner = await api.create('/tokens', { name: 'for a night', role: 'operator' });
    await api.create('/services', polled('kept', { labels: { team: 'kept' }, wisdomSeconds: 1 }));
    await api.create('/services', polled('later', { labels: { team: 'later' }, wisdomSeconds: 1 }));
    const begins = inSeconds(9.5 * 365 * 86_400);
    const endsAt = inSeconds(25);
    const made = await api.as(owner.token).create('/silences', silence({ match: { labels: { team: 'kept' } }, endsAt })); // prettier-ignore
    // Overlapping, and far ahead: neither ends the other, and what is to begin mutes nothing.
    await api.create('/silences', silence({ match: { labels: { team: 'kept' } }, endsAt: inSeconds(3) }));
    const ahead = await api.create('/silences', silence({ match: { labels: { team: 'later' } }, startsAt: begins, endsAt: inSeconds(9.6 * 365 * 86_400) })); // prettier-ignore
    expect([ahead.active, ahead.matches]).toEqual([false, 1]);
    await until(async () => (await pathsOf('later')).length > 0, 15_000);
    await until(isIn('kept', 'silenced'), 10_000);
    expect((await api.delete(`/tokens/${owner.id}`)).status).toBe(204);
    const acted = (await pathsOf('kept')).length;
    await story.program.kill();
    const clock = new MachineClock(0);
    try {
      ({ api } = await story.world.start('all', clock.options));
      clock.shift(600);
      expect((await api.get(`/silences/${made.id}`)).body).toMatchObject({ active: true, owner: made.owner });
      await until(async () => (await pathsOf('kept')).length > acted, 40_000);
      const [first] = (await api.all('/executions?service=kept')).reverse().slice(acted);
      expect(Date.parse(first.createdAt) - Date.parse(endsAt)).toBeGreaterThanOrEqual(1_000);
    } finally {
      clock.remove();
    }
  }, 90_000);
});
