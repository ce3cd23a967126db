import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Api, World, type Answer, type Json, type MonscaleProcess } from './program';

const LIST = { type: 'redis_list_length', params: { url: { env: 'MONSCALE_PARAM_LIST_URL' }, key: 'x' } };
const HOOK = {
  type: 'webhook',
  params: { url: 'http://127.0.0.1:1/', secret: 'hush-signature', headers: { 'X-Key': 'hush-header' } },
};
const YAML = { 'Content-Type': 'application/yaml' };

const service = (name: string, changes: object = {}) => ({
  name,
  enabled: false,
  metrics: { waiting: LIST },
  condition: 'waiting > 10',
  infrastructure: 'pool',
  direction: 'up',
  actions: ['tell'],
  ...changes,
});
const DOCUMENT = {
  monscale: 1,
  infrastructures: [{ name: 'pool', nodes: { type: 'static_count', params: { value: 2 } } }],
  actions: [{ name: 'tell', type: 'log_message', params: { message: 'up' } }],
  services: [service('web'), service('jobs', { recovery: 'waiting < 2', labels: { team: 'x' } })],
  sources: [{ name: 'native', format: 'native' }],
};

/** The example of the facts. */
const OF_2014 = [
  {
    type: 'ScaleAction',
    name: 'logstash up',
    action: 'launch_cloudforms_vmachine',
    data: { cores: 1, megabytes: 1024, role: 'ut', mtype: 'grid', os: 'l', environment: 'lab' },
  },
  {
    type: 'Threshold',
    assessment: 'cpu over 80',
    time_limit: 60,
    metric: 'snmp_oid',
    operand: '>',
    value: 80,
  },
  { type: 'ServiceInfrastructure', name: 'logstash', max_nodes: 8, min_nodes: 1 },
  {
    type: 'MonitoredService',
    name: 'logstash up scale by cpu',
    threshold: ['cpu over 80'],
    action: ['logstash up'],
    active: true,
    wisdom_time: 120,
    data: {
      host: '10.0.0.5',
      snmp_read_comunity: 'hush-community',
      snmp_variable: '.1.3.6.1.4.1.2021.11.9.0',
    },
    infrastructure: 'logstash',
  },
];

describe('definitions moved as a whole', () => {
  let world: World;
  let program: MonscaleProcess;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    program = await world.start('api', { env: { MONSCALE_PARAM_LIST_URL: world.redisUrl } });
    api = program.api;
  }, 60_000);

  afterAll(() => world?.end());

  afterEach(() =>
    world.rows('TRUNCATE services, service_actions, actions, infrastructures, sources CASCADE'),
  );

  const exported = async (): Promise<Json> => (await api.get('/export')).body;
  const revision = async () => (await world.rows('SELECT revision FROM definition_revision'))[0].revision;
  const versions = () =>
    world.rows(
      `SELECT name, version, updated_at FROM services UNION ALL SELECT name, version, updated_at FROM actions
       UNION ALL SELECT name, version, updated_at FROM infrastructures
       UNION ALL SELECT name, version, updated_at FROM contacts
       UNION ALL SELECT name, version, updated_at FROM sources ORDER BY name`,
    );
  const names = (entries: Json[]) => entries.map(({ kind, name }) => `${kind} ${name}`);
  const errorsOf = ({ status, body, headers }: Answer) => {
    expect(headers.get('content-type')).toContain('application/problem+json');
    return { status, pointers: body.errors?.map(({ pointer }: Json) => pointer) };
  };

  it('a fresh world takes a document, references in it resolved; its export is the same in another order', async () => {
    const before = Number(await revision());
    const { status, body } = await api.post('/import', DOCUMENT);
    expect(status).toBe(200);
    expect(names(body.created)).toEqual([
      'infrastructure pool',
      'action tell',
      'service web',
      'service jobs',
      'source native',
    ]);
    expect(body).toMatchObject({ dryRun: false, updated: [], unchanged: [], errors: [] });
    expect(Number(await revision())).toBe(before + 1);
    expect(body.created.at(-1).token).toEqual(expect.any(String));
    const sent = await api.as(body.created.at(-1).token).post('/alerts', { labels: { a: 'b' } });
    expect(sent.status).toBe(202);

    const document = await exported();
    expect(Object.keys(document)).toEqual([
      'monscale',
      'infrastructures',
      'actions',
      'services',
      'sources',
      'contacts',
    ]);
    expect(document.services.map(({ name }: Json) => name)).toEqual(['jobs', 'web']);
    expect(document.services[1]).toMatchObject(DOCUMENT.services[0]!);
    for (const definition of [...document.services, ...document.actions])
      for (const field of ['id', 'version', 'createdAt', 'updatedAt', 'token'])
        expect(definition).not.toHaveProperty(field);
    const used = await api.delete('/actions/tell');
    expect(used.status).toBe(409);
  });

  it('importing an export changes nothing, as JSON and as YAML', async () => {
    await api.post('/import', DOCUMENT);
    await api.create('/actions', { name: 'hook', ...HOOK });
    await api.create('/contacts', {
      name: 'on call',
      action: 'hook',
      events: ['failed', 'blind'],
      labels: { team: 'x' },
      schedule: { rrule: 'FREQ=DAILY;BYHOUR=9', timeZone: 'Europe/Madrid', durationSeconds: 3600 },
    });
    await api.create('/sources', { name: 'udp', format: 'snmp', params: { communities: ['hush-trap'] } });
    const steps = [{ lower: 0, upper: 10, adjustment: 1 }, { lower: 10, adjustment: 3 }]; // prettier-ignore
    const policy = { type: 'step', params: { nodes: null, metric: 'waiting', threshold: 10, steps } };
    expect(await api.patch('/services/web', { policy })).toMatchObject({ status: 200 });
    const [before, at] = [await versions(), await revision()];
    const yaml = await api.get('/export?format=yaml');
    expect(yaml.headers.get('content-type')).toContain('application/yaml');
    expect(yaml.body).toContain('secret: true');
    expect((await api.send('GET', '/export', undefined, { Accept: 'application/yaml' })).body).toBe(
      yaml.body,
    );
    for (const answer of [
      await api.post('/import', await exported()),
      await api.post('/import', yaml.body, YAML),
    ]) {
      expect(answer).toMatchObject({ status: 200, body: { created: [], updated: [], errors: [] } });
      expect(answer.body.unchanged).toHaveLength(8);
    }
    expect(await versions()).toEqual(before);
    expect(await revision()).toBe(at);
  });

  it('says what is updated, by pointers, and deletes nothing', async () => {
    await api.post('/import', DOCUMENT);
    await api.create('/actions', { name: 'shout', type: 'log_message', params: { message: 'x' } });
    const changed = service('web', {
      condition: 'waiting > 20',
      labels: { a: '1' },
      actions: ['tell', 'shout'],
    });
    const document = {
      services: [changed],
      actions: [{ ...DOCUMENT.actions[0], params: { message: 'down' } }],
    };
    const before = await versions();
    const plan = await api.post('/import?dryRun=true', document);
    const updated = [
      { kind: 'action', name: 'tell', changes: ['/params/message'] },
      { kind: 'service', name: 'web', changes: expect.any(Array) },
    ];
    expect(plan.body).toMatchObject({ dryRun: true, updated, created: [], unchanged: [] });
    expect(plan.body.updated[1].changes.toSorted()).toEqual(['/actions', '/condition', '/labels/a']);
    expect(await versions()).toEqual(before);
    expect((await api.post('/import', document)).body).toEqual({ ...plan.body, dryRun: false });
    expect((await api.get('/services/web')).body).toMatchObject({ ...changed, version: 2 });
    expect((await api.get('/services/jobs')).body.version).toBe(1);
    expect((await api.post('/import', document)).body.unchanged).toHaveLength(2);
  });

  it('a dry run is refused what the import is refused, also what is seen only when it is written', async () => {
    const [alone, on] = [{ infrastructure: undefined, direction: undefined, actions: [] }, (parent: string) => ({ dependsOn: [{ service: parent }] })];
    for (const name of ['one', 'two']) await api.create('/services', service(name, alone));
    await api.create('/actions', { ...DOCUMENT.actions[0], name: 'hidden' });
    const before = await versions();
    const circle = { services: [service('one', { ...alone, ...on('two') }), service('two', { ...alone, ...on('one') })] };
    const { body: plan } = await api.post('/import?dryRun=true', circle);
    const { status, body: refused } = await api.post('/import', circle);
    expect([status, plan.errors]).toEqual([400, refused.errors]);
    expect(plan.errors).toEqual([{ pointer: expect.any(String), detail: expect.stringContaining('circle') }]);

    const { token } = await api.create('/tokens', { name: 'of x', role: 'editor', scope: { labels: { team: 'x' } } });
    const taken = { actions: [{ ...DOCUMENT.actions[0], name: 'hidden', labels: { team: 'x' } }] };
    const own = api.as(token);
    expect((await own.post('/import?dryRun=true', taken)).body.errors).toEqual([
      { pointer: '/name', detail: expect.stringContaining('is taken') },
    ]);
    expect((await own.post('/import', taken)).status).toBe(409);
    expect(await versions()).toEqual(before);
    for (const path of ['/services/one', '/services/two', '/actions/hidden']) expect((await api.delete(path)).status).toBe(204);
  }); // prettier-ignore

  it('one bad service among a thousand refuses them all, and a thousand good ones are taken', async () => {
    const services = Array.from({ length: 1_000 }, (_, index) => service(`web-${index}`));
    const document = { ...DOCUMENT, services };
    const bad = services.with(3, service('web-3', { condition: 'waiting >' })).with(7, service('', {}));
    const refused = errorsOf(await api.post('/import', { ...document, services: bad }));
    expect(refused).toEqual({ status: 400, pointers: ['/services/3/condition', '/services/7/name'] });
    expect(await exported()).toMatchObject({ infrastructures: [], actions: [], services: [] });

    expect((await api.post('/import', document)).body.created).toHaveLength(1_003);
    const changed = services.map((one) => ({ ...one, holdSeconds: 5 }));
    expect((await api.post('/import', { services: changed })).body.updated).toHaveLength(1_000);
    const series = await world.rows('SELECT DISTINCT series FROM services');
    expect(series).toHaveLength(1_000);
    expect(await world.rows('SELECT 1 FROM service_actions')).toHaveLength(1_000);
  });

  it.each<[string, unknown, string[]]>([
    ['no document', 'text', ['']],
    ['another form', { monscale: 2 }, ['/monscale']],
    ['an unknown section', { rules: [] }, ['/rules']],
    ['a section by an odd name', { constructor: [] }, ['/constructor']],
    ['no list', { services: {} }, ['/services']],
    ['no object', { actions: [1] }, ['/actions/0']],
    ['a name twice', { infrastructures: [{ name: 'a' }, { name: 'a' }] }, ['/infrastructures/1/name']],
    [
      'an unknown reference',
      { services: [service('web', { actions: [], infrastructure: 'no' })] },
      ['/services/0/infrastructure'],
    ],
    [
      'a secret that is not there',
      { actions: [{ name: 'h', type: 'webhook', params: { url: 'http://h/', secret: { secret: true } } }] },
      ['/actions/0/params/secret'],
    ],
    [
      'what is shown but not defined',
      { infrastructures: [{ name: 'a', id: 'x', version: 1 }] },
      ['/infrastructures/0/id', '/infrastructures/0/version'],
    ],
    [
      'an object and what uses it, once',
      {
        actions: [{ name: 'tell', type: 'guess' }],
        infrastructures: [{ name: 'pool' }],
        services: [service('web')],
      },
      ['/actions/0/type'],
    ],
  ])('%s is refused by its pointer; a dry run says the same', async (_, document, pointers) => {
    const text = JSON.stringify(document);
    expect(errorsOf(await api.post('/import', text))).toEqual({ status: 400, pointers });
    const plan = await api.post('/import?dryRun=true', text);
    expect(plan.status).toBe(200);
    expect(plan.body.errors.map(({ pointer }: Json) => pointer)).toEqual(pointers);
    expect(await versions()).toEqual([]);
  });

  it('secrets are never exported; given as they are stored they are unchanged', async () => {
    const actions = [{ name: 'hook', ...HOOK }];
    await api.post('/import', { actions });
    expect((await api.post('/import', { actions })).body.unchanged).toHaveLength(1);
    const rotated = [{ ...actions[0], params: { ...HOOK.params, secret: 'hush-rotated' } }];
    expect((await api.post('/import', { actions: rotated })).body.updated).toEqual([
      { kind: 'action', name: 'hook', changes: ['/params/secret'] },
    ]);
    const texts = [JSON.stringify(await exported()), (await api.get('/export?format=yaml')).body];
    for (const text of texts) expect(text).not.toContain('hush');
  });

  it('YAML is told by its place when it is none, and does not blow up', async () => {
    const broken = await api.post('/import', 'services:\n  - name: web\n   condition: x\n', YAML);
    expect(errorsOf(broken).status).toBe(400);
    expect(broken.body.errors[0].detail).toMatch(/line 3, column \d/);
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]'];
    for (let level = 1; level < 9; level++) {
      const last = String.fromCharCode(96 + level);
      const next = String.fromCharCode(97 + level);
      bomb.push(`${next}: &${next} [${Array(9).fill(`*${last}`).join(',')}]`);
    }
    expect(errorsOf(await api.post('/import', bomb.join('\n'), YAML)).status).toBe(400);
    expect(errorsOf(await api.post('/import', '['.repeat(50_000), YAML)).status).toBe(400);
    expect(errorsOf(await api.post('/import', 'actions:\n  - __proto__: { name: x }\n', YAML)).status).toBe(
      400,
    );
    const good = 'actions:\n  - name: tell\n    type: log_message\n    params:\n      message: up\n';
    for (const type of ['text/yaml', 'application/x-yaml; charset=utf-8'])
      expect((await api.post('/import', good, { 'Content-Type': type })).status).toBe(200);
  });

  it('the example of the docs is taken', async () => {
    const page = readFileSync(resolve(__dirname, '../docs/rules-as-code.md'), 'utf8');
    const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
    expect((await api.post('/import', example, YAML)).body.created).toHaveLength(3);
  });

  it('two imports of the same at once make it once', async () => {
    const answers = await Promise.all(Array.from({ length: 4 }, () => api.post('/import', DOCUMENT)));
    for (const { status } of answers) expect([200, 409, 412]).toContain(status);
    expect(await versions()).toHaveLength(5);
  });

  describe('what monscale 2014 exported', () => {
    it('is imported where it can be mapped', async () => {
      const log = { ...OF_2014[0], action: 'log_info_message', data: { message: 'hi {{ there }}' } };
      const { status, body } = await api.post('/import', [log, ...OF_2014.slice(1)]);
      expect(status).toBe(200);
      expect(names(body.created)).toEqual([
        'infrastructure logstash',
        'action logstash up',
        'service logstash up scale by cpu',
      ]);
      expect(body.notes.map(({ pointer }: Json) => pointer)).toEqual(['/2', '/3']);
      const taken = (await exported()).services[0];
      expect(taken).toMatchObject({
        enabled: true,
        intervalSeconds: 10,
        condition: 'snmp_oid > 80',
        holdSeconds: 60,
        wisdomSeconds: 120,
        repeat: true,
        missingData: 'reset',
        infrastructure: 'logstash',
        actions: ['logstash up'],
        metrics: {
          snmp_oid: { type: 'snmp_oid', params: { host: '10.0.0.5', community: { secret: true } } },
        },
      });
      expect(taken).not.toHaveProperty('direction');
      expect(taken.metrics.snmp_oid.params.oid).toBe('1.3.6.1.4.1.2021.11.9.0');
      const again = await api.post('/import', [log, ...OF_2014.slice(1)]);
      expect(again.body).toMatchObject({ created: [], updated: [] });
    });

    it('is refused with every object that can not be; or those and what uses them are left out', async () => {
      const refused = await api.post('/import', OF_2014);
      expect(errorsOf(refused).status).toBe(400);
      for (const { pointer } of refused.body.errors) expect(pointer).toMatch(/^\/0(\/|$)/);
      expect(await versions()).toEqual([]);
      const { body } = await api.post('/import?skip=unmappable', OF_2014);
      expect(names(body.created)).toEqual(['infrastructure logstash']);
      expect(body.skipped).toMatchObject([
        { pointer: '/0', kind: 'action', name: 'logstash up', detail: expect.stringContaining('settings') },
        {
          pointer: '/3',
          kind: 'service',
          detail: expect.stringContaining('"logstash up", which is left out'),
        },
      ]);
      expect(body.errors).toEqual([]);
    });

    it('leaves out is for it alone', async () => {
      const refused = await api.post('/import?skip=unmappable', DOCUMENT);
      expect(errorsOf(refused)).toEqual({ status: 400, pointers: ['/skip'] });
    });

    it('names that are refused here are told by where they stood', async () => {
      const named = [{ ...OF_2014[2], name: 'a/b' }];
      expect(errorsOf(await api.post('/import', named))).toEqual({ status: 400, pointers: ['/0/name'] });
      const left = (await api.post('/import?skip=unmappable', named)).body.skipped;
      expect(left).toMatchObject([{ pointer: '/0', kind: 'infrastructure', name: 'a/b' }]);
    });
  });
});
