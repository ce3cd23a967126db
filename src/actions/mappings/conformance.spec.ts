/** What every action mapping keeps to. A new mapping adds its row to ROWS. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { Reflector } from '@nestjs/core';
import type { Type } from '@nestjs/common';
import { check } from '../../common/check';
import { fieldsOf, jsonSchemaOf } from '../../common/fields';
import type { MappingOptions } from '../../common/mapping-registry';
import {
  ActionMapping,
  Ambiguous,
  Permanent,
  Retryable,
  Unreadable,
  type Action,
  type ActionContext,
} from '../action';
import { rendered } from '../rendering';
import { ACTION_MAPPINGS } from './index';

interface Row {
  /** Params for a target at this port of 127.0.0.1. */
  at(port: number): object;
  /** Params to be refused. */
  refused: object[];
  /** Whether it asks a target over the network. */
  isLocal?: boolean;
  /** It begins with a question that changes nothing: what ends there was surely not done. */
  readsFirst?: boolean;
}

const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:scaling';

const ROWS: Record<string, Row> = {
  aws_autoscaling_capacity: {
    at: (port) => ({
      groupName: 'web',
      region: 'eu-west-1',
      endpoint: `http://127.0.0.1:${port}`,
      accessKeyId: 'AKIDEXAMPLE',
      secretAccessKey: 's3cret',
    }),
    refused: [
      {},
      { groupName: 'web' },
      { groupName: 'web', region: 'Ireland' },
      { groupName: 'web', region: 'eu-west-1', desiredCapacity: 'many' },
      { groupName: 'web', region: 'eu-west-1', secretAccessKey: 's' },
    ],
    readsFirst: true,
  },
  email: {
    at: (port) => ({ host: '127.0.0.1', port, from: 'a@example.com', to: ['b@example.com'] }),
    refused: [{}, { host: 'h', from: 'a@b', to: [] }, { host: 'h', from: 'a@b', to: ['c'] }],
    // The server speaks first: its own spec has what is asked here of the others.
    isLocal: true,
  },
  f5_pool_members: {
    at: (port) => ({
      url: `http://127.0.0.1:${port}`,
      username: 'scaler',
      password: 's3cret',
      pool: 'web',
      members: ['10.0.0.1:80'],
      operation: 'add',
    }),
    refused: [
      {},
      { url: 'https://f5', username: 'u', password: 'p', pool: 'web', members: [], operation: 'add' },
      {
        url: 'https://f5',
        username: 'u',
        password: 'p',
        pool: 'web',
        members: ['10.0.0.1'],
        operation: 'add',
      },
      {
        url: 'https://f5',
        username: 'u',
        password: 'p',
        pool: 'web',
        members: ['10.0.0.1:80'],
        operation: 'kill',
      },
    ],
    readsFirst: true,
  },
  kubernetes_scale: {
    at: (port) => ({
      namespace: 'shop',
      name: 'web',
      cluster: { server: `http://127.0.0.1:${port}`, token: 's3cret' },
    }),
    refused: [
      {},
      { namespace: 'shop' },
      { namespace: 'a/b', name: 'web' },
      { namespace: 'shop', name: 'web', kind: 'Pod' },
      { namespace: 'shop', name: 'web', cluster: { server: 'https://k8s' } },
    ],
    readsFirst: true,
  },
  chat: {
    at: (port) => ({ url: `http://127.0.0.1:${port}/s3cret`, text: 'hello' }),
    refused: [
      {},
      { url: 'h', text: 'm' },
      { url: 'http://h', service: 'irc' },
      { url: 'http://h', text: '{{' },
    ],
  },
  cloudforms_provision: {
    at: (port) => ({
      url: `http://127.0.0.1:${port}`,
      username: 'monscale',
      password: 's3cret',
      templateFields: { name: 'rhel6' },
    }),
    refused: [
      {},
      { url: 'http://h', username: 'u', password: 'p' },
      { url: 'http://h/api', username: 'u', password: 'p', templateFields: { name: 't' } },
      { url: 'http://h', username: 'u', password: 'p', templateFields: { name: 'a|b' } },
    ],
  },
  cloudforms_retire: {
    at: (port) => ({
      url: `http://127.0.0.1:${port}`,
      username: 'monscale',
      password: 's3cret',
      tag: 'monitoredservice/web',
    }),
    refused: [
      {},
      { url: 'http://h', username: 'u', password: 'p', tag: 'web' },
      { url: 'http://h', username: 'u', password: 'p', tag: 'a/b', count: 'all' },
    ],
    readsFirst: true,
  },
  log_message: {
    at: () => ({ message: 'm' }),
    refused: [{}, { message: 7n }, { message: '{{' }, { message: 'm', level: 'loud' }],
    isLocal: true,
  },
  sns_publish: {
    at: (port) => ({
      topicArn: TOPIC,
      message: 'm',
      endpoint: `http://127.0.0.1:${port}`,
      accessKeyId: 'AKIDEXAMPLE',
      secretAccessKey: 's3cret',
    }),
    refused: [{}, { topicArn: 'scaling', message: 'm' }, { topicArn: TOPIC, message: 'm', accessKeyId: 'A' }],
  },
  webhook: {
    at: (port) => ({ url: `http://127.0.0.1:${port}/hook`, headers: { Authorization: 's3cret' } }),
    refused: [{}, { url: 'h' }, { url: 'http://h', method: 'get' }, { url: 'http://h', idempotent: 'yes' }],
  },
};

const reflector = new Reflector();
const MAPPINGS = ACTION_MAPPINGS.map((cls) => {
  const { type, params } = reflector.get(ActionMapping, cls) as MappingOptions;
  const action: Action = new cls();
  return { type, params: params, action };
});
const ASKING = MAPPINGS.filter(({ type }) => !ROWS[type]?.isLocal);

describe('every action mapping', () => {
  const ends: (() => unknown)[] = [];

  afterAll(() => Promise.all(ends.map((end) => end())));

  const paramsOf = (cls: Type<object>, given: object): object => {
    const { value, errors } = check(cls, given);
    expect(errors).toEqual([]);
    return rendered(cls, value!, context(NEVER).variables);
  };

  const NEVER = new AbortController().signal;
  const context = (signal: AbortSignal): ActionContext => ({
    signal,
    timeoutMs: 10_000,
    now: new Date(),
    executionId: '01900000-0000-7000-8000-000000000001',
    variables: { service: { id: 's1', name: 'web' }, nodes: { current: 2, desired: 3, delta: 1 } },
  });

  /** Takes every connection, and does that with what comes. @returns its port */
  async function target(onData: (socket: Socket) => void): Promise<number> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)));
      socket.on('data', () => onData(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ends.push(() => {
      sockets.forEach((socket) => socket.destroy());
      server.close();
    });
    return (server.address() as AddressInfo).port;
  }

  it('has a row here', () => {
    expect(MAPPINGS.map(({ type }) => type).sort()).toEqual(Object.keys(ROWS).sort());
  });

  it.each(ASKING)(
    '$type ends soon after the signal aborts, and says why',
    async ({ type, params, action }) => {
      const port = await target(() => undefined);
      const controller = new AbortController();
      const given = paramsOf(params, ROWS[type]!.at(port));
      const acting = action.execute(given, context(controller.signal)).catch((error: Error) => error);
      await new Promise((resolve) => setTimeout(resolve, 200));
      const aborted = performance.now();
      controller.abort(new Error('the program stops'));
      expect(await acting).toMatchObject({ message: expect.stringContaining('the program stops') });
      expect(performance.now() - aborted).toBeLessThan(4_000);
      // It was sent: that leaves open what happened, idempotent or not.
      expect(await acting).toBeInstanceOf(ROWS[type]!.readsFirst ? Retryable : Ambiguous);
    },
  );

  it.each(ASKING)('$type does not begin when the signal aborted before', async ({ type, params, action }) => {
    let isAsked = false;
    const port = await target(() => (isAsked = true));
    const acting = action.execute(paramsOf(params, ROWS[type]!.at(port)), context(AbortSignal.abort()));
    await expect(acting).rejects.toBeInstanceOf(Retryable);
    expect(isAsked).toBe(false);
  });

  it.each(ASKING)(
    '$type takes nonsense for no success, and tells no secret',
    async ({ type, params, action }) => {
      const port = await target((socket) => socket.end('NaN s3cret\r\n\r\n'));
      const error: Error = await action.execute(paramsOf(params, ROWS[type]!.at(port)), context(NEVER)).then(
        () => Promise.reject(new Error('it succeeded')),
        (thrown: Error) => thrown,
      );
      expect([Permanent, Retryable, Ambiguous, Unreadable]).toContain(error.constructor);
      expect(error.message).not.toContain('s3cret');
    },
  );

  const UNREADABLE: Record<string, (socket: Socket) => unknown> = {
    'no HTTP': (socket) => socket.end('220 mail.example.com ESMTP\r\n'),
    'half a head': (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-'),
    'a reset': (socket) => socket.resetAndDestroy(),
    'a head that is too long': (socket) => socket.end(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`),
    'a status that is none': (socket) => socket.end('HTTP/1.1 two hundred\r\n\r\n'),
    'another protocol': (socket) =>
      socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
    'a bad length': (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n'),
  };

  describe.each(Object.keys(UNREADABLE))('answered by %s', (name) => {
    it.each(ASKING)('$type leaves open what was done, and asks once', async ({ type, params, action }) => {
      let asked = 0;
      const port = await target((socket) => {
        asked++;
        UNREADABLE[name]!(socket);
      });
      const given = paramsOf(params, ROWS[type]!.at(port));
      const error = await action.execute(given, context(NEVER)).then(
        () => Promise.reject(new Error('it succeeded')),
        (thrown: Error) => thrown,
      );
      const kinds = ROWS[type]!.readsFirst ? [Retryable, Ambiguous, Unreadable] : [Ambiguous, Unreadable];
      expect(kinds).toContain(error.constructor);
      expect(asked).toBe(1);
    });
  });

  it.each(ASKING)(
    '$type counts a target that is not there as surely not done',
    async ({ type, params, action }) => {
      const acting = action.execute(paramsOf(params, ROWS[type]!.at(1)), context(NEVER));
      await expect(acting).rejects.toBeInstanceOf(Retryable);
    },
  );

  it.each(MAPPINGS)('$type refuses bad params', ({ type, params }) => {
    for (const bad of [...ROWS[type]!.refused, { ...ROWS[type]!.at(1), surprise: 1 }]) {
      expect(check(params, bad)).toEqual({
        errors: expect.arrayContaining([expect.objectContaining({ detail: expect.any(String) })]),
      });
    }
  });

  it.each(MAPPINGS)('$type marks its secrets in its schema', ({ params }) => {
    const expectMarked = (cls: Type): void => {
      const { properties } = jsonSchemaOf(cls) as {
        properties: Record<string, { writeOnly?: boolean; description: string }>;
      };
      for (const { name, options, nested } of fieldsOf(cls)) {
        expect([name, properties[name]!.writeOnly ?? false]).toEqual([name, options.secret ?? false]);
        if (/secret|password|token|headers|^key$/i.test(name))
          expect([name, options.secret]).toEqual([name, true]);
        if (nested) expectMarked(nested());
      }
    };
    expectMarked(params);
  });

  it.each(MAPPINGS)('$type previews what can be written as JSON', ({ type, params, action }) => {
    const preview = action.preview(paramsOf(params, ROWS[type]!.at(1)), context(NEVER));
    expect(JSON.parse(JSON.stringify(preview))).not.toEqual({});
  });

  it.each(MAPPINGS)('$type has a page whose example is valid', ({ type, params }) => {
    const page = `docs/actions/${type}.md`;
    expect(existsSync(page)).toBe(true);
    const text = readFileSync(page, 'utf8');
    const [, block] = /```json\n([\s\S]*?)```/.exec(text) ?? [];
    const example = JSON.parse(block ?? '') as { name: string; type: string; params: object };
    expect(example).toMatchObject({ name: expect.any(String), type });
    paramsOf(params, example.params);
    for (const { name } of fieldsOf(params)) expect(text).toContain(`\`${name}\``);
  });
});
