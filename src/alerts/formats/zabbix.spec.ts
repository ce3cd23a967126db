import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { parse as parseYaml } from 'yaml';
import { numberAt } from '../../common/json-path';
import { Zabbix } from './zabbix.format';

/** As Zabbix's media type "Event-Driven Ansible" sends it. */
const EVENT = {
  acknowledged: 'No',
  event_date: '2023.03.24',
  event_time: '13:13:40',
  event_datetime_timestamp: 1679663620,
  event_id: 12345,
  event_name: 'High CPU',
  event_nseverity: 4,
  event_severity: 'High',
  event_value: 1,
  event_tags: { scope: ['performance', 'capacity'] },
  host_groups: ['Linux servers', 'Web'],
  host_host: 'web01',
  host_ip: '10.0.0.5',
  operation_data: '93 %',
  trigger_id: 777,
  trigger_name: 'High CPU on web01',
  monitoring_source: 'Zabbix sever',
};
const zabbix = new Zabbix();

test('a problem fires, and its recovery resolves it', () => {
  expect(zabbix.parse(EVENT)).toMatchObject([
    {
      alert: {
        dedupKey: '12345',
        status: 'firing',
        labels: {
          host: 'web01',
          host_ip: '10.0.0.5',
          host_groups: 'Linux servers,Web',
          event_name: 'High CPU',
          severity: 'High',
          trigger_id: '777',
          trigger_name: 'High CPU on web01',
          tag_scope: 'performance,capacity',
        },
        at: new Date('2023-03-24T13:13:40Z'),
        raw: { event_nseverity: 4 },
      },
    },
  ]);
  expect(zabbix.parse({ ...EVENT, event_value: '0' })).toMatchObject([
    { alert: { dedupKey: '12345', status: 'resolved' } },
  ]);
});

test.each([
  { event_value: 2 },
  { event_value: '2' },
  { event_value: 'Unknown' },
  { event_value: 1, event_source: '3' },
  { event_value: '0', event_source: 3 },
])('%j says that Zabbix can not tell: nothing begins or ends', (changes) => {
  expect(zabbix.parse({ ...EVENT, ...changes })).toMatchObject([{ untold: expect.any(String) }]);
});

test.each([
  ['85.13 %', 85.13],
  ['1.5 KB', 1536],
  ['Down (2)', 2],
  ['*UNKNOWN*', undefined],
  ['1,5', undefined],
  [undefined, undefined],
])("an item's value %j is found as the number that it is", (item_value, number) => {
  const [parsed] = zabbix.parse({ ...EVENT, item_value });
  expect(numberAt('$.item_value', parsed!.alert!.raw)).toBe(number);
});

test('problem and recovery are of the time of the problem', () => {
  const saidAt = (changes: object) => zabbix.parse({ ...EVENT, ...changes })[0]!.alert!.saidAt;
  expect(saidAt({})).toEqual(new Date('2023-03-24T13:13:40Z'));
  expect(saidAt({ event_value: 0 })).toEqual(saidAt({}));
  expect(saidAt({ event_datetime_timestamp: '1679663620' })).toEqual(saidAt({}));
  expect(saidAt({ event_datetime_timestamp: undefined })).toBeUndefined();
});

test.each([
  [{ event_id: undefined }, '/event_id'],
  [{ event_id: 'abc' }, '/event_id'],
  [{ event_value: 3 }, '/event_value'],
  [{ event_value: 'PROBLEM' }, '/event_value'],
  [{ event_datetime_timestamp: '2023.03.24 13:13:40' }, '/event_datetime_timestamp'],
  [{ event_value: undefined }, '/event_value'],
])('%j is no event', (changes, pointer) => {
  expect(zabbix.parse({ ...EVENT, ...changes })).toMatchObject([{ errors: [{ pointer }] }]);
});

describe('the media type for import', () => {
  const file = join(__dirname, '../../../docs/alerts/zabbix-media-type.yaml');
  const [mediaType] = parseYaml(readFileSync(file, 'utf8')).zabbix_export.media_types;

  /** Runs its script as Zabbix would; answers what it posts. */
  function run(macros: Record<string, string>, status = 202) {
    const values = mediaType.parameters.map(({ name, value }: { name: string; value: string }) => [
      name,
      macros[value] ?? value,
    ]);
    const posted: { url?: string; body?: string; headers: string[] } = { headers: [] };
    class HttpRequest {
      addHeader = (header: string) => posted.headers.push(header);
      post(url: string, body: string) {
        Object.assign(posted, { url, body });
        return '{}';
      }
      getStatus = () => status;
    }
    const value = JSON.stringify({ ...Object.fromEntries(values), monscale_token: 'the-token' });
    runInNewContext(`(function () { ${mediaType.script} })()`, { value, HttpRequest });
    return { ...posted, body: JSON.parse(posted.body!) };
  }

  const MACROS = {
    '{EVENT.ID}': '12345',
    '{EVENT.VALUE}': '1',
    '{EVENT.NAME}': 'High CPU',
    '{EVENT.NSEVERITY}': '4',
    '{EVENT.SEVERITY}': 'High',
    '{EVENT.TAGSJSON}': '[{"tag": "scope", "value": "performance"}, {"tag": "scope", "value": "capacity"}]',
    '{HOST.HOST}': 'web01',
    '{TRIGGER.HOSTGROUP.NAME}': 'Linux servers, Web',
    '{{ITEM.LASTVALUE1}.fmtnum(6)}': '93.500000',
  };

  test('posts what is read here, with the token as header alone', () => {
    const { url, headers, body } = run(MACROS);
    expect(url).toBe('http://monscale:8080/api/v1/alerts/zabbix');
    expect(headers).toContain('Authorization: Bearer the-token');
    expect(JSON.stringify(body)).not.toContain('the-token');
    expect(zabbix.parse(body)).toMatchObject([
      {
        alert: {
          dedupKey: '12345',
          status: 'firing',
          labels: {
            host: 'web01',
            severity: 'High',
            tag_scope: 'performance,capacity',
            host_groups: 'Linux servers,Web',
          },
          raw: { item_value: 93.5 },
        },
      },
    ]);
  });

  test.each(['*UNKNOWN*', '{{ITEM.LASTVALUE1}.fmtnum(6)}'])(
    'leaves out what stands for no value, %s',
    (macro) => {
      const { body } = run({ ...MACROS, '{{ITEM.LASTVALUE1}.fmtnum(6)}': macro });
      expect(body).not.toHaveProperty('item_value');
    },
  );

  test('sends recoveries, and says when monscale does not take it', () => {
    expect(zabbix.parse(run({ ...MACROS, '{EVENT.VALUE}': '0' }).body)).toMatchObject([
      { alert: { dedupKey: '12345', status: 'resolved' } },
    ]);
    expect(() => run(MACROS, 401)).toThrow('monscale answered 401');
  });
});
