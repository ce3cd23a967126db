import { entriesOf2014, type Known } from './monscale-2014';

/** A build with every mapping that the export may need. */
const ALL: Known = {
  metrics: new Set(['snmp_oid', 'snmp_oid_average', 'redis_list_length', 'http_content', 'number_of_nodes']),
  actions: new Set([
    'cloudforms_provision', 'cloudforms_retire', 'f5_pool_members', 'sns_publish', 'log_message',
  ]),
}; // prettier-ignore
const NONE: Known = { metrics: new Set(), actions: new Set() };

const threshold = (assessment: string, metric: string, operand: string, value: number, time_limit = 60) => ({
  type: 'Threshold', assessment, metric, operand, value, time_limit,
}); // prettier-ignore
const service = (thresholds: string[], data: object, changes: object = {}) => ({
  type: 'MonitoredService', name: 's', threshold: thresholds, action: [], data, ...changes,
}); // prettier-ignore
const action = (name: string, data: object) => ({ type: 'ScaleAction', name: 'a', action: name, data });

const bodyOf = async (exported: object[]) => {
  const { entries, errors, thresholds } = await entriesOf2014(exported, ALL);
  const all = [...entries.actions, ...entries.infrastructures, ...entries.services];
  expect([...errors, ...thresholds, ...all.flatMap((entry) => entry.errors)]).toEqual([]);
  return all.at(-1)!.body;
};

const mistakesOf = async (exported: unknown[], has = ALL) => {
  const { entries, errors, thresholds } = await entriesOf2014(exported, has);
  const all = [...errors, ...thresholds, ...Object.values(entries).flat()];
  return all.flatMap((one) => ('errors' in one ? one.errors : [one])).map(({ pointer }) => pointer);
};

test('thresholds of a service become one condition, held as long as the longest of them', async () => {
  const body = await bodyOf([
    service(['busy', 'few', 'even'], {
      snmp_variable: '.1.3.6.1.4.1.2021.11.9.0', snmp_read_comunity: 'c', host: 'h', port: '1161',
      redis_list_name: 'jobs', redis_host: '::1', redis_db: 2,
    }, { active: false, wisdom_time: 30, infrastructure: 'web', action: ['tell'] }),
    threshold('busy', 'snmp_oid', '>', 80, 60),
    threshold('few', 'redis_list_length', '<=', 3, 90),
    threshold('even', 'number_of_nodes', '=', -2, 0),
  ]); // prettier-ignore
  expect(body).toEqual({
    name: 's',
    enabled: false,
    intervalSeconds: 10,
    metrics: {
      snmp_oid: {
        type: 'snmp_oid',
        params: { host: 'h', port: 1161, community: 'c', oid: '1.3.6.1.4.1.2021.11.9.0' },
        acceptsPushed: true,
      },
      redis_list_length: {
        type: 'redis_list_length',
        params: { url: 'redis://[::1]:6379/2', key: 'jobs' },
        acceptsPushed: true,
      },
      number_of_nodes: { type: 'number_of_nodes', params: {}, acceptsPushed: true },
    },
    condition: 'snmp_oid > 80 && redis_list_length <= 3 && number_of_nodes == -2',
    holdSeconds: 90,
    wisdomSeconds: 30,
    repeat: true,
    missingData: 'reset',
    infrastructure: 'web',
    actions: ['tell'],
  });
});

test.each<[string, object, object]>([
  ['snmp_oid', { snmp_variable: '1.3.6.1' }, { host: 'localhost', oid: '1.3.6.1' }],
  ['snmp_oid_service_avg', { snmp_variable: '.1.3.6.1' }, { oid: '1.3.6.1' }],
  ['redis_list_length', { redis_list_name: 'q' }, { url: 'redis://localhost:6379/0', key: 'q' }],
  ['http_content', { url: 'http://h/', content: 'ok' }, { url: 'http://h/', equals: 'ok' }],
])('%s with %j has the params %j', async (metric, data, params) => {
  const body = (await bodyOf([threshold('t', metric, '>', 0), service(['t'], data)])) as { metrics: object };
  expect(Object.values(body.metrics)).toMatchObject([{ params }]);
});

test.each<[string, object, string, object]>([
  ['log_info_message', { message: 'x' }, 'log_message', { message: 'x' }],
  ['log_info_message', { message: '{{ x' }, 'log_message', { message: '{% raw %}{{ x{% endraw %}' }],
  [
    'add_f5_pool_members',
    { f5_host: 'f5', f5_username: 'u', f5_password: 'p', pool_name: 'web', member_list: ['10.0.0.1:80'] },
    'f5_pool_members',
    { url: 'https://f5', username: 'u', password: 'p', pool: 'web', members: ['10.0.0.1:80'], operation: 'add' },
  ],
  [
    'publish_msg_to_sns_topic',
    { region: 'eu-west-1', topic: 'arn:aws:sns:eu-west-1:123456789012:t', message: 'm', aws_access_key: 'k', aws_secret_key: 's' },
    'sns_publish',
    { topicArn: 'arn:aws:sns:eu-west-1:123456789012:t', message: 'm', accessKeyId: 'k', secretAccessKey: 's' },
  ],
])('%s with %j is %s with %j', async (named, data, type, params) => {
  expect(await bodyOf([action(named, data)])).toEqual({ name: 'a', type, params });
}); // prettier-ignore

test.each<[string, object[], string[]]>([
  ['what is no export', [{ type: 'Alarm' }, 5 as never], ['/0/type', '/1']],
  ['credentials that were settings', [action('launch_cloudforms_vmachine', { cores: 1 })], ['/0/data']],
  ['an unknown action', [action('reboot', {})], ['/0/action']],
  ['an unknown key of data', [action('log_info_message', { message: 'x', level: 1 })], ['/0/data/level']],
  ['an unknown field', [{ type: 'ServiceInfrastructure', name: 'i', fqdn: 'x' }], ['/0/fqdn']],
  ['an unknown operand', [threshold('t', 'snmp_oid', '!=', 1)], ['/0/operand']],
  ['a metric that was never written', [threshold('t', 'http_response_time', '>', 1)], ['/0/metric']],
  ['a metric of one user', [threshold('t', 'log4iberia_http_response_time', '>', 1)], ['/0/metric']],
  ['a threshold that is missing', [service(['t'], {})], ['/0/threshold']],
  ['no threshold at all', [service([], {})], ['/0/threshold']],
  [
    'a region that is not that of the topic',
    [action('publish_msg_to_sns_topic', { topic: 'arn:aws:sns:us-east-1:1:t', message: 'm', region: 'eu-west-1' })],
    ['/0/data/region'],
  ],
  [
    'an unknown key of a service',
    [threshold('t', 'number_of_nodes', '>', 1), service(['t'], { colour: 'red' })],
    ['/1/data/colour'],
  ],
  ['an object instead of a name', [{ ...action('constructor', {}), name: {} }], ['/0/name', '/0/action']],
])('%s is told by its pointer', async (_, exported, pointers) => {
  expect((await mistakesOf(exported)).sort()).toEqual(pointers.sort());
}); // prettier-ignore

test('what this build does not have is told at the threshold, the service and the action', async () => {
  const exported = [
    threshold('t', 'snmp_oid', '>', 1),
    service(['t'], { snmp_variable: '1.3.6.1' }),
    action('log_info_message', { message: 'x' }),
  ];
  expect((await mistakesOf(exported, NONE)).sort()).toEqual(['/0/metric', '/1/threshold', '/2/action']);
});

test('what needs a person is noted: directions, node counts, keys that nothing read', async () => {
  const { notes } = await entriesOf2014(
    [
      { type: 'ServiceInfrastructure', name: 'web' },
      threshold('t', 'number_of_nodes', '>', 1),
      service(['t'], { url: 'http://h/' }, { infrastructure: 'web' }),
    ],
    ALL,
  );
  expect(notes).toEqual([
    { pointer: '/0', detail: expect.stringContaining('monitoredservice/web') },
    { pointer: '/2/data/url', detail: expect.stringContaining('left out') },
    { pointer: '/2', detail: expect.stringContaining('scale_type') },
  ]);
});

test('a mistake in what an object became is told where it stood', async () => {
  const { entries } = await entriesOf2014([{ type: 'ServiceInfrastructure', name: 'a/b' }], ALL);
  const [entry] = entries.infrastructures;
  expect(entry!.place({ pointer: '/name', detail: 'd' })).toEqual({ pointer: '/0/name', detail: 'd' });
  expect(entry!.place({ pointer: '/minNodes', detail: 'd' }).pointer).toBe('/0');
});
