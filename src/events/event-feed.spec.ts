/** Clients of the feed that read as slowly as they like, whatever happens meanwhile. */
import type { ServerResponse } from 'node:http';
import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import type { FastifyRequest } from 'fastify';
import type { Identities } from '../auth/identities';
import { visibleTo, type Caller } from '../common/caller';
import { Unavailable } from '../common/errors';
import type { Change } from './change';
import { CHANGES_AT_ONCE, type Changes, type News } from './changes';
import { EventFeed } from './event-feed';
import { EventStream, WAITING_BYTES_AT_MOST } from './event-stream';
import { isTold, positionIn, type Position } from './position';

/** Bytes that the two ends of a connection hold without anybody having read them. */
const ON_THE_WAY = 10_000;
const TEAMS = ['web', 'db'] as const;
type Team = (typeof TEAMS)[number];

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** What was committed: changes of services of two teams, one a transaction, and changes of rights. */
class World {
  readonly log: ('rights' | { team: Team; size: number })[] = [];
  grants: Team | 'all' = 'all';
  /** Whether every second caller can't be asked for. */
  identitiesFail = false;
  private asked = 0;
  /** Readings of changes that have begun, in order. */
  readonly readings: { end: (isRead: boolean) => void }[] = [];
  answersAtOnce = true;

  get position(): Position {
    return { database: 'db', at: 0, seen: { end: BigInt(this.log.length), open: [] } };
  }

  readonly changes = {
    since: async (from: Position): Promise<News> => {
      const news = this.newsSince(from);
      if (this.answersAtOnce) return news;
      return new Promise((resolve, reject) =>
        this.readings.push({ end: (isRead) => (isRead ? resolve(news) : reject(new Error('it is away'))) }),
      );
    },
  } as unknown as Changes;

  readonly identities = {
    of: async () => {
      if (++this.asked % 2 === 0 && this.identitiesFail) throw new Unavailable('it is away', 1);
      return { caller: this.caller };
    },
  } as unknown as Identities;

  get caller(): Caller {
    const scope = this.grants === 'all' ? null : { team: this.grants };
    return { actor: 'anna', via: 'token', address: '', grants: [{ role: 'viewer', approve: false, scope }] };
  }

  private newsSince(from: Position): News {
    const { position } = this;
    const fresh = this.log
      .map((entry, at) => ({ entry, transaction: BigInt(at) }))
      .filter(({ transaction }) => !isTold(from, { transaction, key: '' }));
    const told = fresh.flatMap(({ entry, transaction }) =>
      entry === 'rights' ? [] : [changeOf(entry, transaction)],
    );
    const rightsChanged = told.length < fresh.length;
    if (told.length > CHANGES_AT_ONCE) return { position, rightsChanged: true };
    return { position, changes: told, rightsChanged };
  }
}

const changeOf = ({ team, size }: { team: Team; size: number }, transaction: bigint): Change => ({
  type: 'state',
  id: String(transaction),
  transaction,
  key: '0',
  facts: { text: 'x'.repeat(size) },
  faces: [{ labels: { team } }],
});

/** Client, with its end of a connection that it reads when it likes. */
class Client {
  readonly stream: EventStream;
  readonly events: { event: string; data: { id: string } }[] = [];
  isOver = false;
  mostWaiting = 0;
  /** Largest number of bytes that were written at once. */
  largest = 0;
  lastId: Position;
  /** Changes that it was told one by one since it last read everything. */
  private readonly told = new Set<string>();
  private known: Position;
  /** Scopes that what it knows was read by, and those of what it is told to read. */
  private seesBy: string;
  private readonly toSeeBy: string[] = [];
  private waits = '';
  private rest = '';

  constructor(private readonly world: World) {
    const response = {
      write: (bytes: Buffer) => this.written(bytes),
      end: () => (this.isOver = true),
      destroy: () => (this.isOver = true),
    };
    Object.defineProperty(response, 'writableLength', {
      get: () => Math.max(0, this.waits.length - ON_THE_WAY),
    });
    const request = {
      headers: { authorization: 'Bearer a-token' },
      raw: { headers: {}, socket: {} },
      routeOptions: { config: { access: { right: 'viewer', isWhole: false } } },
    };
    this.known = this.lastId = world.position;
    this.stream = new EventStream(
      request as unknown as FastifyRequest,
      response as unknown as ServerResponse,
      world.caller,
      world.position,
    );
    this.seesBy = this.scopes;
  }

  private get scopes(): string {
    return JSON.stringify(this.stream.scopes);
  }

  private written(bytes: Buffer): boolean {
    expect(this.isOver).toBe(false);
    this.waits += bytes.toString();
    if (bytes.includes('event: resync')) this.toSeeBy.push(this.scopes);
    this.largest = Math.max(this.largest, bytes.length);
    this.mostWaiting = Math.max(this.mostWaiting, this.waits.length);
    return this.waits.length < 1_000;
  }

  /** Reads some of what has come. */
  take(bytes: number): void {
    const blocks = (this.rest + this.waits.slice(0, bytes)).split('\n\n');
    this.waits = this.waits.slice(bytes);
    this.rest = blocks.pop()!;
    for (const block of blocks) this.heard(block);
  }

  private heard(block: string): void {
    const fields = new Map(
      block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
    );
    const id = fields.get('id');
    if (id !== undefined) this.lastId = positionIn(id)!;
    const event = fields.get('event');
    if (event === undefined) return;
    const data = JSON.parse(fields.get('data')!);
    this.events.push({ event, data });
    if (event === 'resync') {
      this.known = this.lastId;
      this.seesBy = this.toSeeBy.shift()!;
    } else if (this.told.has(data.id) || isTold(this.known, { transaction: BigInt(data.id), key: '0' }))
      throw new Error(`${data.id} is told twice`);
    else this.told.add(data.id);
  }

  /** Returns what it would miss if it went on from where it is. */
  missed(): string[] {
    const { grants, log, caller } = this.world;
    if (this.seesBy !== JSON.stringify(visibleTo(caller))) return ['what it sees now'];
    return log.flatMap((entry, at) => {
      const place = { transaction: BigInt(at), key: '0' };
      const isKnown = !isTold(this.lastId, place) || isTold(this.known, place) || this.told.has(String(at));
      return isKnown || entry === 'rights' || (grants !== 'all' && entry.team !== grants) ? [] : [String(at)];
    });
  }
}

const SECOND = 1_000;

type Step =
  | { does: 'commit'; count: number; size: number; team: Team }
  | { does: 'read'; bytes: number; client: number }
  | { does: 'pass'; ms: number }
  | { does: 'rights'; of: Team | 'all' }
  | { does: 'database'; answers: 'at once' | 'later' }
  | { does: 'answer'; isRead: boolean }
  | { does: 'identities'; fail: boolean }
  | { does: 'join' };

const team = fc.constantFrom(...TEAMS);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant('commit' as const), count: fc.oneof(fc.nat(30), fc.nat(700)), size: fc.nat(2_000), team }) },
  { weight: 4, arbitrary: fc.record({ does: fc.constant('read' as const), bytes: fc.oneof(fc.nat(20_000), fc.constant(1e9)), client: fc.nat(3) }) },
  { weight: 6, arbitrary: fc.record({ does: fc.constant('pass' as const), ms: fc.constantFrom(1, 250, 500, 6_000, 11_000) }) },
  fc.record({ does: fc.constant('rights' as const), of: fc.constantFrom('all' as const, ...TEAMS) }),
  fc.record({ does: fc.constant('database' as const), answers: fc.constantFrom('at once' as const, 'later' as const) }),
  { weight: 2, arbitrary: fc.record({ does: fc.constant('answer' as const), isRead: fc.boolean() }) },
  fc.record({ does: fc.constant('identities' as const), fail: fc.boolean() }),
  fc.constant({ does: 'join' as const }),
); // prettier-ignore

class Feed {
  readonly world = new World();
  readonly feed = new EventFeed(this.world.changes, this.world.identities);
  readonly clients: Client[] = [];

  begin(): this {
    this.feed.onApplicationBootstrap();
    return this;
  }

  join(): Client {
    const client = new Client(this.world);
    this.clients.push(client);
    this.feed.add(client.stream);
    return client;
  }

  commit(count: number, size: number, team: Team = 'web'): void {
    for (let n = 0; n < count; n++) this.world.log.push({ team, size });
  }

  pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

  async run(one: Step): Promise<void> {
    const { world, clients } = this;
    switch (one.does) {
      case 'commit':
        return this.commit(one.count, one.size, one.team);
      case 'read':
        return clients[one.client % clients.length]?.take(one.bytes);
      case 'pass':
        return void (await this.pass(one.ms));
      case 'rights':
        world.grants = one.of;
        return void world.log.push('rights');
      case 'database':
        world.answersAtOnce = one.answers === 'at once';
        return;
      case 'answer':
        return world.readings.shift()?.end(one.isRead);
      case 'identities':
        world.identitiesFail = one.fail;
        return;
      case 'join':
        if (clients.length < 4) this.join();
    }
  }

  /** Lets everything settle: all that is away comes back, and all clients read. */
  async settle(): Promise<void> {
    const { world } = this;
    world.answersAtOnce = true;
    world.identitiesFail = false;
    for (const reading of world.readings.splice(0)) reading.end(true);
    for (let round = 0; round < 3; round++) {
      for (const client of this.clients) client.take(Infinity);
      await this.pass(6 * SECOND);
    }
    for (const client of this.clients) client.take(Infinity);
  }

  async end(): Promise<void> {
    this.feed.onModuleDestroy();
    await this.feed.beforeApplicationShutdown();
  }
}

test('a client that reads slowly, whatever happens meanwhile, is told everything or to read everything again', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const feed = new Feed().begin();
      feed.join();
      for (const one of steps) {
        await feed.run(one);
        for (const client of feed.clients.filter(({ isOver }) => !isOver))
          expect(client.mostWaiting).toBeLessThanOrEqual(ON_THE_WAY + WAITING_BYTES_AT_MOST + client.largest);
      }
      await feed.settle();
      const there = feed.clients.filter(({ isOver }) => !isOver);
      for (const client of there) expect(client.missed()).toEqual([]);
      // One by one, once nothing is behind any more.
      feed.commit(3, 10, feed.world.grants === 'all' ? 'web' : feed.world.grants);
      await feed.pass(SECOND);
      for (const client of there) {
        client.take(Infinity);
        expect(client.missed()).toEqual([]);
        expect(client.events.slice(-3).map(({ data }) => data.id)).toEqual(
          [3, 2, 1].map((back) => String(feed.world.log.length - back)),
        );
      }
      await feed.end();
    }),
    { numRuns: 150 },
  );
});

/** Begins a feed with a client that has stopped to read, and more for it than may wait. */
async function behind(): Promise<{ feed: Feed; client: Client }> {
  const feed = new Feed().begin();
  const client = feed.join();
  await feed.pass(SECOND);
  for (let round = 0; round < 3; round++) {
    feed.commit(30, 2_000);
    await feed.pass(SECOND);
  }
  expect(client.stream.isBehind).toBe(true);
  return { feed, client };
}

const wordsOf = ({ events }: Client, count: number) => events.slice(-count).map(({ event }) => event);

test('a client that goes on is told once to read everything again, and what comes then one by one', async () => {
  const { feed, client } = await behind();
  // Not all of it: nothing is told while anything waits.
  client.take(5_000);
  await feed.pass(SECOND);
  expect(client.stream.isBehind).toBe(true);
  client.take(Infinity);
  feed.commit(2, 10);
  await feed.pass(SECOND);
  feed.commit(2, 10);
  await feed.pass(SECOND);
  client.take(Infinity);
  expect(wordsOf(client, 4)).toEqual(['state', 'resync', 'state', 'state']);
  await feed.end();
});

test('one that stops again before it reads that, and is behind again, is told so again', async () => {
  const { feed, client } = await behind();
  client.take(Infinity);
  await feed.pass(SECOND);
  for (let round = 0; round < 3; round++) {
    feed.commit(30, 2_000);
    await feed.pass(SECOND);
  }
  expect(client.stream.isBehind).toBe(true);
  await feed.settle();
  expect(wordsOf(client, 1)).toEqual(['resync']);
  expect(client.missed()).toEqual([]);
  await feed.end();
});

test('changes too many to tell, while a client is behind, are no second reason to read everything', async () => {
  const { feed, client } = await behind();
  feed.commit(CHANGES_AT_ONCE + 1, 10);
  await feed.pass(SECOND);
  client.take(Infinity);
  await feed.pass(6 * SECOND);
  feed.commit(1, 10);
  await feed.pass(SECOND);
  client.take(Infinity);
  expect(wordsOf(client, 3)).toEqual(['state', 'resync', 'state']);
  await feed.end();
});

test('one whose rights have changed is told so also when others could not be asked for theirs at first', async () => {
  const feed = new Feed().begin();
  const clients = [feed.join(), feed.join()];
  await feed.pass(SECOND);
  feed.world.grants = 'db';
  feed.world.log.push('rights');
  feed.world.identitiesFail = true;
  await feed.pass(SECOND);
  await feed.settle();
  for (const client of clients) {
    expect(wordsOf(client, 1)).toEqual(['resync']);
    expect(client.missed()).toEqual([]);
  }
  await feed.end();
});

test('one that takes nothing for half a minute is disconnected', async () => {
  const { feed, client } = await behind();
  await feed.pass(31 * SECOND);
  expect(client.isOver).toBe(true);
  await feed.end();
});
