/** What every metric mapping keeps to. A new mapping adds its row to ROWS, and its client to CLIENTS if it has one. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { Type } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { startUdp } from '../../../test/stand-ins/snmp-agents';
import { check } from '../../common/check';
import type { Mapping } from '../../common/mapping-registry';
import type { Metric, MetricOptions, ReadContext } from '../metric';
import { MetricRegistry } from '../metric-registry';
import { CLOCK, systemClock } from '../../common/clock';
import { SnmpClient } from '../../snmp/snmp-client';
import { HttpClient } from '../http/http-client';
import { TargetReader } from '../reader/target-reader';
import { METRIC_MAPPINGS } from './index';

interface Ports {
  tcp: number;
  udp: number;
}

interface Row {
  /** Params for a target at these ports of 127.0.0.1. None for a mapping that is pushed or asks nobody. */
  at?(ports: Ports): object;
  /** Params to be refused. */
  refused: object[];
}

const CLIENTS: Type[] = [HttpClient, SnmpClient, TargetReader];

/** Refused by every metric that is a number in the answer to an HTTP request. */
const BAD_REQUESTS = [
  {},
  { url: 'web.example.com' },
  { url: 'ftp://h/' },
  { url: 'http://user:password@h/' },
  { url: 'http://h:80a/' },
  { url: 'http://h', method: 'FETCH' },
  { url: 'http://h', headers: { 'bad name': 'x' } },
  { url: 'http://h', headers: { Authorization: 'a\nb' } },
  { url: 'http://h', headers: { 'Content-Length': '3' } },
  { url: 'http://h', tls: { ca: 'no PEM' } },
  { url: 'http://h', followRedirects: 'yes' },
];

const ROWS: Record<string, Row> = {
  alert: {
    refused: [
      { match: ['a'] },
      { match: { a: 7 } },
      { match: { a: { regex: '(' } } },
      { match: { a: { regex: 'x'.repeat(1001) } } },
      { match: { a: { regex: 'x', flags: 'i' } } },
      { ttlSeconds: 0 },
    ],
  },
  aws_autoscaling_instances: {
    at: ({ tcp }) => ({
      groupName: 'web',
      region: 'eu-west-1',
      endpoint: `http://127.0.0.1:${tcp}`,
      accessKeyId: 'AKIDEXAMPLE',
      secretAccessKey: 'secret',
    }),
    refused: [
      {},
      { groupName: 'web' },
      { groupName: '', region: 'eu-west-1' },
      { groupName: 'web', region: 'Ireland' },
      { groupName: 'web', region: 'eu-west-1', endpoint: 'h:80' },
      { groupName: 'web', region: 'eu-west-1', accessKeyId: 'AKIDEXAMPLE' },
      { groupName: 'web', region: 'eu-west-1', secretAccessKey: 'secret' },
    ],
  },
  cloudforms_vms: {
    at: ({ tcp }) => ({
      url: `http://127.0.0.1:${tcp}`,
      username: 'monscale',
      password: 'secret',
      tag: 'monitoredservice/web',
    }),
    refused: [
      {},
      { url: 'https://h', username: 'u', password: 'p' },
      { url: 'https://h/vmdbws', username: 'u', password: 'p', tag: 'a/b' },
      { url: 'https://h', username: 'u:v', password: 'p', tag: 'a/b' },
      { url: 'https://h', username: 'u', password: '', tag: 'a/b' },
      { url: 'https://h', username: 'u', password: 'p', tag: 'a/b c/d' },
      { url: 'https://h', username: 'u', password: 'p', tag: 'a/b', api: 'xml' },
      { url: 'https://h', username: 'u', password: 'p', tag: 'a/b', network: '10.0.0.1' },
    ],
  },
  http_content: {
    at: ({ tcp }) => ({ url: `http://127.0.0.1:${tcp}/health`, contains: 'OK' }),
    refused: [
      ...BAD_REQUESTS.map((bad) => ({ contains: 'OK', ...bad })),
      { url: 'http://h' },
      { url: 'http://h', equals: 'OK', contains: 'OK' },
      { url: 'http://h', contains: '' },
      { url: 'http://h', matches: '(' },
      { url: 'http://h', matches: '(?=a)' },
      { url: 'http://h', method: 'HEAD', equals: 'OK' },
    ],
  },
  http_json: {
    at: ({ tcp }) => ({ url: `http://127.0.0.1:${tcp}/queue`, path: '$.depth' }),
    refused: [
      ...BAD_REQUESTS.map((bad) => ({ path: '$.depth', ...bad })),
      { url: 'http://h' },
      { url: 'http://h', path: 'depth' },
      { url: 'http://h', path: '$[' },
      { url: 'http://h', path: '$.depth', method: 'HEAD' },
    ],
  },
  http_response_time: {
    at: ({ tcp }) => ({ url: `http://127.0.0.1:${tcp}/` }),
    refused: BAD_REQUESTS,
  },
  http_status: {
    at: ({ tcp }) => ({ url: `http://127.0.0.1:${tcp}/` }),
    refused: BAD_REQUESTS,
  },
  kubernetes_replicas: {
    at: ({ tcp }) => ({
      namespace: 'shop',
      name: 'web',
      cluster: { server: `http://127.0.0.1:${tcp}`, token: 't0ken' },
    }),
    refused: [
      {},
      { namespace: 'shop' },
      { namespace: 'Shop', name: 'web' },
      { namespace: 'shop', name: '../web' },
      { namespace: 'shop', name: 'web', kind: 'Pod' },
      { namespace: 'shop', name: 'web', cluster: { server: 'https://h' } },
      { namespace: 'shop', name: 'web', cluster: { server: 'https://h/api', token: 't' } },
      { namespace: 'shop', name: 'web', cluster: { server: 'https://h', token: 't', ca: 'no PEM' } },
    ],
  },
  number_of_nodes: { refused: [{ value: 3 }] },
  prometheus_query: {
    at: ({ tcp }) => ({ url: `http://127.0.0.1:${tcp}`, query: 'sum(up)' }),
    refused: [
      {},
      { url: 'http://h:9090' },
      { url: 'http://h:9090', query: '' },
      { url: 'h:9090', query: 'up' },
      { url: 'http://h:9090/api/v1/query', query: 'up' },
      { url: 'http://h:9090/?x=1', query: 'up' },
      { url: 'http://h:9090', query: 'up', headers: { 'X-A': 'a\r\nX-B: b' } },
    ],
  },
  redis_list_length: {
    at: ({ tcp }) => ({ url: `redis://127.0.0.1:${tcp}`, key: 'waiting' }),
    refused: [{}, { url: 'redis://h' }, { url: 'http://h', key: 'k' }, { url: 'redis://h', key: '' }],
  },
  snmp_oid: {
    at: ({ udp }) => ({ host: '127.0.0.1', port: udp, oid: '1.3.6.1.2.1.1.3.0' }),
    refused: [
      {},
      { host: 'h' },
      { host: 'h', oid: 'noSuchName.0' },
      { host: 'h', oid: '1.3.6.1', retries: -1 },
    ],
  },
  snmp_oid_average: {
    at: ({ udp }) => ({ hosts: ['127.0.0.1'], port: udp, oid: '1.3.6.1.2.1.1.3.0' }),
    refused: [
      {},
      { oid: 'noSuchName.0' },
      { hosts: [], oid: '1.3.6.1' },
      { hosts: ['h', 'h'], oid: '1.3.6.1' },
      { hosts: ['http://h'], oid: '1.3.6.1' },
      { hosts: ['h'], oid: '1.3.6.1', minAnswers: 2 },
      { hosts: ['h'], oid: '1.3.6.1', minAnswers: 0 },
      { hosts: ['h'], oid: '1.3.6.1', version: '3' },
    ],
  },
  sql_query: {
    at: ({ tcp }) => ({ url: `postgres://monscale:secret@127.0.0.1:${tcp}/shop`, query: 'SELECT 1' }),
    refused: [
      {},
      { url: 'postgres://h/d' },
      { url: 'postgres://h/d', query: '' },
      { url: 'mysql://h/d', query: 'SELECT 1' },
      { url: 'postgres://h', query: 'SELECT 1' },
    ],
  },
  static_count: { refused: [{}, { value: -1 }, { value: 1.5 }, { value: '3' }, { value: null }] },
  static_nodes: {
    refused: [
      {},
      { addresses: ['web-1'] },
      { addresses: ['10.0.0.1:80'] },
      { addresses: ['10.0.0.1', '10.0.0.1'] },
      { addresses: ['2001:db8::1', '2001:DB8:0::1'] },
    ],
  },
};

const TYPES = Object.keys(ROWS);
const ASKING = TYPES.filter((type) => ROWS[type]?.at);

describe('every metric mapping', () => {
  let module: TestingModule;
  let registry: MetricRegistry;
  const ends: (() => unknown)[] = [];

  beforeAll(async () => {
    module = await Test.createTestingModule({
      imports: [DiscoveryModule],
      providers: [...METRIC_MAPPINGS, ...CLIENTS, MetricRegistry, { provide: CLOCK, useValue: systemClock }],
    }).compile();
    await module.init();
    registry = module.get(MetricRegistry);
  });

  afterAll(async () => {
    await module?.close();
    await Promise.all(ends.map((end) => end()));
  });

  const mappingOf = (type: string): Mapping<Metric, MetricOptions> => registry.get(type);

  const paramsOf = (type: string, given: object): object => {
    const { value, errors } = check(mappingOf(type).options.params, given);
    expect(errors).toEqual([]);
    return value!;
  };

  const context = (signal: AbortSignal, timeoutMs: number): ReadContext => ({
    signal,
    timeoutMs,
    nodes: () => new Promise(() => undefined),
    listNodes: () => new Promise(() => undefined),
  });

  /** Takes every connection and datagram, and does that with it. */
  async function target(answer: (reply: (bytes: Buffer) => void) => void): Promise<Ports> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)));
      socket.on('data', () => answer((bytes) => socket.write(bytes)));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ends.push(() => {
      sockets.forEach((socket) => socket.destroy());
      server.close();
    });
    const udp = await startUdp((_, { port, address }, socket) =>
      answer((bytes) => socket.send(bytes, port, address)),
    );
    ends.push(() => udp.close());
    return { tcp: (server.address() as AddressInfo).port, udp: udp.port };
  }

  it('has a row here', () => {
    expect(registry.types()).toEqual(TYPES.sort());
  });

  it.each([...ASKING, 'number_of_nodes'])('%s stops when the signal aborts', async (type) => {
    const silent = await target(() => undefined);
    const { strategy } = mappingOf(type);
    const params = paramsOf(type, ROWS[type]?.at?.(silent) ?? {});
    const controller = new AbortController();
    const reading = strategy.read(params, context(controller.signal, 10_000)).catch((error: Error) => error);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const aborted = performance.now();
    controller.abort(new Error('the program stops'));
    expect(await reading).toMatchObject({ message: expect.stringContaining('the program stops') });
    expect(performance.now() - aborted).toBeLessThan(4_000);
  });

  it.each(ASKING)('%s does not begin when the signal aborted before', async (type) => {
    const silent = await target(() => undefined);
    const { strategy } = mappingOf(type);
    const reading = strategy.read(
      paramsOf(type, ROWS[type]!.at!(silent)),
      context(AbortSignal.abort(), 10_000),
    );
    await expect(reading).rejects.toThrow(/cannot read/);
  });

  it.each(ASKING)('%s answers nonsense with an error, never with NaN', async (type) => {
    const nonsense = await target((reply) => reply(Buffer.from('NaN\r\n\r\n')));
    const { strategy } = mappingOf(type);
    const params = paramsOf(type, ROWS[type]!.at!(nonsense));
    await expect(strategy.read(params, context(AbortSignal.timeout(300), 300))).rejects.toThrow(
      /cannot read .*127\.0\.0\.1/,
    );
  });

  it.each(TYPES)('%s refuses bad params', (type) => {
    const { params } = mappingOf(type).options;
    for (const bad of [...ROWS[type]!.refused, { surprise: 1 }]) {
      expect({ bad, errors: check(params, bad).errors }).toEqual({
        bad,
        errors: expect.arrayContaining([expect.objectContaining({ detail: expect.any(String) })]),
      });
    }
  });

  it.each(TYPES)('%s has a page whose example is valid', (type) => {
    const page = `docs/metrics/${type}.md`;
    expect(existsSync(page)).toBe(true);
    const [, block] = /```json\n([\s\S]*?)```/.exec(readFileSync(page, 'utf8')) ?? [];
    const example = JSON.parse(block ?? '') as { type: string; params?: object };
    expect(example.type).toBe(type);
    paramsOf(type, example.params ?? {});
  });

  it('has a number for those that ask nobody', async () => {
    const { signal } = new AbortController();
    expect(await mappingOf('static_count').strategy.read({ value: 3 }, context(signal, 100))).toBe(3);
    const addresses = ['10.0.0.1', '2001:db8::1'];
    const staticNodes = mappingOf('static_nodes').strategy;
    expect(await staticNodes.read({ addresses }, context(signal, 100))).toBe(2);
    expect(await staticNodes.nodes!({ addresses }, context(signal, 100))).toMatchObject([
      { address: '10.0.0.1' },
      { address: '2001:db8::1' },
    ]);
    const nodes = async (): Promise<number> => 5;
    expect(await mappingOf('number_of_nodes').strategy.read({}, { ...context(signal, 100), nodes })).toBe(5);
    await expect(mappingOf('alert').strategy.read({}, context(signal, 100))).rejects.toThrow(/never polled/);
    expect(check(mappingOf('alert').options.params, {}).value).toEqual({ match: {} });
  });
});
