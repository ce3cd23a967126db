import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { testPort } from './ports';
import { MonscaleProcess, secret, until, World, type Api, type Json } from './program';
import { hasSnmpTools } from './stand-ins/snmp-tools';
import { TcpProxy } from './stand-ins/tcp-proxy';

const run = promisify(execFile);
const WAIT_MS = 20_000;

const LINK_DOWN = '1.3.6.1.6.3.1.1.5.3';
const LINK_UP = '1.3.6.1.6.3.1.1.5.4';
const COLD_START = '1.3.6.1.6.3.1.1.5.1';
const ifIndex = (n: number) => [`1.3.6.1.2.1.2.2.1.1.${n}`, 'i', String(n)];

const COMMUNITY = secret('hush-community');
const OTHER_COMMUNITY = secret('hush-other-community');
const [AUTH_KEY, PRIV_KEY] = [secret('hush-authenticate'), secret('hush-encrypt')];
const USER = {
  user: 'noc',
  level: 'authPriv',
  authProtocol: 'sha256',
  authKey: AUTH_KEY,
  privProtocol: 'aes',
  privKey: PRIV_KEY,
};
const V3 = [
  '-v3',
  '-u',
  'noc',
  '-l',
  'authPriv',
  '-a',
  'SHA-256',
  '-A',
  AUTH_KEY,
  '-x',
  'AES',
  '-X',
  PRIV_KEY,
];

/** The senders of net-snmp, against one process. */
class Senders {
  constructor(private readonly target: string) {}

  static of = ({ port }: MonscaleProcess) => new Senders(`127.0.0.1:${port}`);

  trap = (oid: string, varbinds: string[] = [], how = ['-v2c', '-c', COMMUNITY]) =>
    run('snmptrap', [...how, this.target, '', oid, ...varbinds]);

  inform = (oid: string, varbinds: string[] = [], how = ['-v2c', '-c', COMMUNITY]) =>
    run('snmpinform', ['-r', '0', '-t', '3', ...how, this.target, '', oid, ...varbinds]);

  trapV1 = (enterprise: string, agent: string, generic: number, varbinds: string[] = []) =>
    run('snmptrap', [
      '-v1',
      '-c',
      COMMUNITY,
      this.target,
      enterprise,
      agent,
      String(generic),
      '0',
      '1',
      ...varbinds,
    ]);
}

const alertsOf = (api: Api, source: string): Promise<Json[]> => api.all(`/alerts?source=${source}`);

const withTools = hasSnmpTools() ? describe : describe.skip;

withTools('SNMP notifications', () => {
  let world: World;
  let program: MonscaleProcess;
  let api: Api;
  let send: Senders;

  beforeAll(async () => {
    world = await World.create();
    program = await world.start();
    ({ api } = program);
    send = Senders.of(program);
    await api.create('/sources', {
      name: 'switches',
      format: 'snmp',
      params: { communities: [COMMUNITY], users: [USER], allowFrom: ['127.0.0.0/8'] },
    });
    await untilTaken(api, 'switches', () => send.trap(COLD_START));
  }, 60_000);

  afterAll(() => world.end());

  /** Changes of sources count within 5 s. */
  const untilTaken = (of: Api, source: string, again: () => Promise<unknown>) =>
    until(
      async () => {
        await again();
        await sleep(200);
        return (await alertsOf(of, source)).length > 0;
      },
      5_000,
      `${source} takes notifications`,
    );

  const seen = (what: string, claim: (alerts: Json[]) => unknown, source = 'switches') =>
    until(async () => Boolean(claim(await alertsOf(api, source))), WAIT_MS, what);

  it('take a trap of each version', async () => {
    await send.trapV1('1.3.6.1.4.1.8072', '10.7.7.7', 2, ifIndex(1));
    await send.trap(LINK_DOWN, ifIndex(2));
    await send.trap(LINK_DOWN, ifIndex(3), ['-e', '0x80001f8880aabbcc01', ...V3]);
    const labels = (alerts: Json[]) => alerts.map((alert) => alert.labels);
    await seen('three links are down', (alerts) => {
      const down = labels(alerts).filter(({ trap_oid }) => trap_oid === LINK_DOWN);
      return down.length === 3;
    });
    expect(labels(await alertsOf(api, 'switches'))).toEqual(
      expect.arrayContaining([
        // Nobody here is a relay: what a sender says of itself is a label, and no more.
        expect.objectContaining({
          version: '1',
          source_address: '127.0.0.1',
          agent_address: '10.7.7.7',
          enterprise: '1.3.6.1.4.1.8072',
        }),
        expect.objectContaining({
          version: '2c',
          source_address: '127.0.0.1',
          trap_name: 'IF-MIB::linkDown',
        }),
        expect.objectContaining({ version: '3', user: 'noc', '1.3.6.1.2.1.2.2.1.1.3': '3' }),
      ]),
    );
  });

  it('a link that comes up again ends its linkDown, and no other', async () => {
    await send.trap(LINK_DOWN, ifIndex(11));
    await send.trap(LINK_DOWN, ifIndex(12));
    await send.trap(LINK_UP, ifIndex(11));
    const of = (alerts: Json[], n: number, oid: string) =>
      alerts.find(
        ({ labels }) => labels.trap_oid === oid && labels[`1.3.6.1.2.1.2.2.1.1.${n}`] !== undefined,
      );
    // What is new is committed before what it changes.
    await seen('link 11 is up', (alerts) => {
      return of(alerts, 11, LINK_UP) && of(alerts, 11, LINK_DOWN)?.status === 'resolved';
    });
    expect(of(await alertsOf(api, 'switches'), 12, LINK_DOWN)).toMatchObject({ status: 'firing' });
  });

  it('a service in alarm by a linkDown recovers by the linkUp', async () => {
    const match = { trap_oid: LINK_DOWN, '1.3.6.1.2.1.2.2.1.1.21': '21' };
    await api.create('/services', {
      name: 'uplink',
      metrics: { down: { type: 'alert', params: { match } } },
      condition: 'down > 0',
    });
    const phase = async () => (await api.get('/services/uplink/state')).body.phase;
    await send.trap(LINK_DOWN, ifIndex(21));
    await until(async () => (await phase()) === 'alarm', WAIT_MS);
    await send.trap(LINK_UP, ifIndex(21));
    await until(async () => (await phase()) === 'ok', WAIT_MS);
  });

  it('pairs, events and their lives are what the source says', async () => {
    const [fanFailed, fanWorks, door] = ['1.3.6.1.4.1.99.1', '1.3.6.1.4.1.99.2', '1.3.6.1.4.1.99.3'];
    const fan = '1.3.6.1.4.1.99.7';
    await api.create('/sources', {
      name: 'racks',
      format: 'snmp',
      params: {
        communities: [OTHER_COMMUNITY],
        pairs: [{ raise: fanFailed, clear: `.${fanWorks}`, key: [fan] }],
        events: [{ oid: door, lifeSeconds: 1 }],
      },
    });
    const how = ['-v2c', '-c', OTHER_COMMUNITY];
    await untilTaken(api, 'racks', () => send.trap(COLD_START, [], how));
    await send.trap(fanFailed, [`${fan}.0`, 's', 'left'], how);
    await send.trap(fanFailed, [`${fan}.0`, 's', 'right'], how);
    await send.trap(fanWorks, [`${fan}.0`, 's', 'left'], how);
    await send.trap(door, [], how);
    await seen(
      'the door was opened',
      (alerts) => alerts.some(({ labels }) => labels.trap_oid === door),
      'racks',
    );
    const fans = async () =>
      (await alertsOf(api, 'racks'))
        .filter(({ labels }) => labels.trap_oid === fanFailed)
        .map(({ labels, status }) => `${labels[`${fan}.0`]} ${status}`)
        .sort()
        .join();
    await until(async () => (await fans()) === 'left resolved,right firing', 10_000, 'a fan works again');
    const lives = await world.rows(
      `SELECT labels->>'trap_oid' AS oid, life_seconds AS life FROM alerts WHERE source = 'racks'`,
    );
    expect(lives).toEqual(
      expect.arrayContaining([
        { oid: fanFailed, life: null },
        { oid: fanWorks, life: 300 },
        { oid: door, life: 1 },
      ]),
    );
  });

  it('what is wrong in a source is named', async () => {
    const params = {
      users: [{ user: 'a', level: 'authNoPriv', authKey: 'short' }],
      allowFrom: ['10.0.0.1'],
      pairs: [{ raise: 'linkDown', clear: LINK_UP, key: ['x'] }],
    };
    const { status, body } = await api.post('/sources', { name: 'wrong', format: 'snmp', params });
    expect(status).toBe(400);
    const pointers = body.errors.map(({ pointer }: Json) => pointer);
    expect(pointers).toEqual(['/params/pairs/0/raise']);
    params.pairs[0]!.raise = LINK_DOWN;
    const second = await api.post('/sources', { name: 'wrong', format: 'snmp', params });
    expect(second.body.errors.map(({ pointer }: Json) => pointer).sort()).toEqual([
      '/params/allowFrom/0',
      '/params/pairs/0/key/0',
      '/params/users/0/authKey',
      '/params/users/0/authProtocol',
    ]);
  });

  it('shows who was refused and why, and no secret', async () => {
    await send.trap(LINK_DOWN, [], ['-v2c', '-c', 'wrong']);
    await send.trap(LINK_DOWN, [], ['-v2c', '-c', 'wrong']);
    await send.trap(LINK_DOWN, [], ['-v3', '-e', '0x80001f8880aabbcc02', '-u', 'noc', '-l', 'noAuthNoPriv']);
    const wrongKey = V3.map((word) => (word === AUTH_KEY ? 'wrong-wrong' : word));
    await send.trap(LINK_DOWN, [], ['-e', '0x80001f8880aabbcc03', ...wrongKey]);
    const items = await until(
      async () => {
        const { body } = await api.get('/sources/switches/refused');
        return body.items.some(({ reason }: Json) => reason === 'wrong key') && body.items;
      },
      WAIT_MS,
      'the refusal of the last one is shown',
    );
    expect(items).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ address: '127.0.0.1', reason: 'unknown community' }),
        expect.objectContaining({ reason: 'security level too low', count: 1 }),
        // Encryption is looked at first, and its key is right.
        expect.objectContaining({ reason: 'wrong key', count: 1, lastAt: expect.any(String) }),
      ]),
    );
    const metrics = (await program.root.get('/metrics')).body;
    expect(metrics).toMatch(/monscale_alerts_refused_total\{format="snmp",reason="unknown community"\} \d+/);
  });

  it('names what uploaded MIBs name', async () => {
    const mib = [
      'ACME-RACK-MIB DEFINITIONS ::= BEGIN',
      'IMPORTS enterprises, MODULE-IDENTITY, NOTIFICATION-TYPE FROM SNMPv2-SMI;',
      'acme MODULE-IDENTITY LAST-UPDATED "202601010000Z" DESCRIPTION "of ::= { nothing 1 }" ::= { enterprises 4711 }',
      'acmeTraps OBJECT IDENTIFIER ::= { acme 0 } -- ::= { x 3 }',
      'doorOpened NOTIFICATION-TYPE STATUS current DESCRIPTION "-- \\" ::= { acmeTraps 5 }',
      'END',
    ].join('\n');
    const text = { 'Content-Type': 'text/plain' };
    const bad = await api.post('/mibs', 'no module', text);
    expect(bad.status).toBe(400);
    const { status, body } = await api.post('/mibs', mib.replace('"-- \\"', '"it is"'), text);
    expect([status, body]).toEqual([
      201,
      { name: 'ACME-RACK-MIB', builtIn: false, names: 3, unresolved: 0, updatedAt: expect.any(String) },
    ]);
    const names = (await api.get('/mibs')).body.items.map(({ name }: Json) => name);
    expect(names).toEqual(expect.arrayContaining(['SNMPv2-MIB', 'IF-MIB', 'ACME-RACK-MIB']));
    await until(
      async () => {
        await send.trap('1.3.6.1.4.1.4711.0.5');
        await sleep(300);
        const alerts = await alertsOf(api, 'switches');
        return alerts.some(({ labels }) => labels.trap_name === 'ACME-RACK-MIB::doorOpened');
      },
      WAIT_MS,
      'the trap has a name',
    );
    expect((await api.delete('/mibs/ACME-RACK-MIB')).status).toBe(204);
    expect((await api.delete('/mibs/ACME-RACK-MIB')).status).toBe(404);
    expect((await api.delete('/mibs/IF-MIB')).status).toBe(409);
  });

  it('an engine that lost its boots is refused until an operator forgets it', async () => {
    const engine = `0x80001f8880${Date.now().toString(16).padStart(12, '0')}`;
    let last = 0;
    const sent = async (boots: number, time: number) => {
      const oid = `1.3.6.1.4.1.99.77.${++last}`;
      await send.trap(oid, [], ['-e', engine, '-Z', `${boots},${time}`, ...V3]);
      return oid;
    };
    const isTaken = async (oid: string) =>
      (await alertsOf(api, 'switches')).some(({ labels }) => labels.trap_oid === oid);
    const first = await sent(1, 500_000);
    await seen('the first', (alerts) => alerts.some(({ labels }) => labels.trap_oid === first));
    const refused = await sent(1, 60);
    await until(
      async () =>
        (await api.get('/sources/switches/refused')).body.items.some(
          (one: Json) => one.reason === 'replayed' && one.engineId === engine,
        ),
      WAIT_MS,
      'the engine is named',
    );
    expect(await isTaken(refused)).toBe(false);
    const heard = async () =>
      (await api.get('/sources/switches/engines')).body.items.find((one: Json) => one.engineId === engine);
    expect(await heard()).toMatchObject({ boots: 1, address: '127.0.0.1' });
    expect((await api.delete(`/sources/switches/engines/${engine}00`)).status).toBe(404);
    expect(
      (await api.delete(`/sources/switches/engines/${engine.toUpperCase().replace('0X', '')}`)).status,
    ).toBe(204);
    expect(await heard()).toBeUndefined();
    await until(async () => isTaken(await sent(1, 60 + last)), WAIT_MS, 'it is believed again');
    const later = await sent(1, 3_000);
    await until(() => isTaken(later), WAIT_MS, 'it goes on');
  });

  it('an inform that is sent again is one alert', async () => {
    const inform = (await recorded((port) =>
      run('snmpinform', [
        '-v2c',
        '-c',
        COMMUNITY,
        '-r',
        '0',
        '-t',
        '1',
        `127.0.0.1:${port}`,
        '',
        '1.3.6.1.4.1.98.1',
      ]).catch(() => undefined),
    ))!;
    const socket = createSocket('udp4');
    const answers: Buffer[] = [];
    socket.on('message', (answer) => answers.push(answer));
    for (let times = 1; times <= 3; times++) {
      socket.send(inform, program.port, '127.0.0.1');
      await until(() => answers.length === times, WAIT_MS, 'it is acknowledged');
    }
    socket.close();
    const same = (await alertsOf(api, 'switches')).filter(
      ({ labels }) => labels.trap_oid === '1.3.6.1.4.1.98.1',
    );
    expect(same).toHaveLength(1);
  });

  it('survives garbage', async () => {
    const socket = createSocket('udp4');
    for (let n = 0; n < 500; n++) socket.send(Buffer.alloc((n * 131) % 65_000, n), program.port, '127.0.0.1');
    await send.trap('1.3.6.1.4.1.97.1', ['1.3.6.1.4.1.97.2', 'x', '610062']);
    await seen('the trap behind it', (alerts) =>
      alerts.some(({ labels }) => labels['1.3.6.1.4.1.97.2'] === '0x610062'),
    );
    socket.close();
  });
});

/** The first datagram that something sends. */
async function recorded(sending: (port: number) => Promise<unknown>): Promise<Buffer | undefined> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await new Promise((resolve) => socket.once('listening', resolve));
  let first: Buffer | undefined;
  socket.on('message', (bytes) => (first ??= bytes));
  await sending(socket.address().port);
  socket.close();
  return first;
}

withTools('notifications while PostgreSQL is away', () => {
  const COUNT = 40;

  async function setUp() {
    const world = await World.create();
    const postgres = new TcpProxy(world.databaseUrl);
    const databaseUrl = await postgres.start();
    const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'spool-'));
    const options = { databaseUrl, redisUrl: world.redisUrl, env: { MONSCALE_SPOOL_DIR: folder } };
    const { api } = await world.start('api');
    await api.create('/sources', { name: 'switches', format: 'snmp', params: { communities: [COMMUNITY] } });
    const port = await testPort();
    const listen = async () => {
      const started = new MonscaleProcess({ roles: 'trap', ...options }, port);
      world.processes.push(started);
      return started;
    };
    const listener = await listen();
    await listener.ready();
    const spooled = () => readdirSync(join(folder, `traps-${port}`)).length > 0;
    return { world, api, postgres, listener, listen, spooled, send: Senders.of(listener) };
  }

  /** Sends them in an order that can be told afterwards. */
  async function sendSome(send: Senders, from: number): Promise<void> {
    for (let n = from; n < from + COUNT; n++)
      await send.trap('1.3.6.1.4.1.96.1', ['1.3.6.1.4.1.96.2', 'i', String(n)]);
  }

  const numbers = async (api: Api): Promise<number[]> => {
    const alerts = await alertsOf(api, 'switches');
    return alerts.map(({ labels }) => Number(labels['1.3.6.1.4.1.96.2'])).reverse();
  };
  const upTo = (count: number) => Array.from({ length: count }, (_, n) => n);

  it('wait on disk and lose nothing: an inform is acknowledged, and nothing comes twice', async () => {
    const { world, api, postgres, spooled, send, listener } = await setUp();
    try {
      await sendSome(send, 0);
      await until(async () => (await numbers(api)).length === COUNT, WAIT_MS);
      postgres.cut();
      await sendSome(send, COUNT);
      await send.inform('1.3.6.1.4.1.96.1', ['1.3.6.1.4.1.96.2', 'i', String(2 * COUNT)]);
      expect(spooled()).toBe(true);
      postgres.restore();
      await until(async () => (await numbers(api)).length > 2 * COUNT, WAIT_MS);
      expect(await numbers(api)).toEqual(upTo(2 * COUNT + 1));
      await until(() => !spooled(), WAIT_MS, 'nothing waits on disk');
      expect(await listener.stop()).toBe(0);
    } finally {
      await world.end();
      await postgres.stop();
    }
  }, 90_000);

  it('outlive the listener that is killed, and the one that starts while PostgreSQL is still away', async () => {
    const { world, api, postgres, listener, listen, spooled, send } = await setUp();
    try {
      postgres.cut();
      await sendSome(send, 0);
      await until(spooled, WAIT_MS, 'they are on disk');
      await send.inform('1.3.6.1.4.1.96.1', ['1.3.6.1.4.1.96.2', 'i', String(COUNT)]);
      await listener.kill();
      const second = await listen();
      await until(() => second.output.includes('receives SNMP notifications'), WAIT_MS);
      await sendSome(send, COUNT + 1);
      postgres.restore();
      await until(async () => (await numbers(api)).length >= 2 * COUNT + 1, WAIT_MS);
      await sleep(1_000);
      expect(await numbers(api)).toEqual(upTo(2 * COUNT + 1));
    } finally {
      await world.end();
      await postgres.stop();
    }
  }, 90_000);
});
