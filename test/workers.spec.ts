import { setTimeout as sleep } from 'node:timers/promises';
import { phaseOf } from '../src/polling/poll-schedule';
import { inBatches, until, World, type Api, type MonscaleProcess } from './program';
import { getIn, integer, responseTo, startUdp, type StandIn } from './stand-ins/snmp-agents';

const SERVICES = 200;
const AGENTS = 4;
const INTERVAL_MS = 2_000;
/** Jobs are under way at any moment. */
const ANSWER_MS = 200;
/** What a dead worker had in hand may be lost; whatever is due from then on is the other's. */
const TAKEOVER_MS = INTERVAL_MS + 15_000;
const OID = '1.3.6.1.4.1.8072.9999';

async function startAgent(): Promise<StandIn> {
  let isOpen = true;
  const agent = await startUdp((message, { port, address }, socket) => {
    const get = getIn(message);
    const values = get.oids.map((oid): [string, Buffer] => [oid, integer(1)]);
    const answer = responseTo(get, values);
    setTimeout(() => isOpen && socket.send(answer, port, address, () => undefined), ANSWER_MS).unref();
  });
  return {
    port: agent.port,
    close: () => {
      isOpen = false;
      return agent.close();
    },
  };
}

/**
 * Number of readings in each interval of a service, by its number. One that a busy machine ends in the next interval
 * counts there.
 */
class Ticks {
  private readonly counts = new Map<number, number>();

  constructor(moments: readonly number[], slot: number) {
    const phaseMs = 1_000 * phaseOf(slot, INTERVAL_MS / 1_000);
    for (const at of moments) {
      const tick = Math.floor((at - phaseMs) / INTERVAL_MS);
      this.counts.set(tick, this.in(tick) + 1);
    }
  }

  /** Returns how many intervals between the first and the last have no reading. */
  get missed(): number {
    const ticks = [...this.counts.keys()];
    const [first, last] = [Math.min(...ticks), Math.max(...ticks)];
    let missed = 0;
    for (let tick = first; tick <= last; tick++) if (this.in(tick) === 0 && this.in(tick + 1) < 2) missed++;
    return missed;
  }

  /** Tells whether one has two of its own. */
  get isDoubled(): boolean {
    return [...this.counts].some(([tick, count]) => count > 1 && this.in(tick - 1) > 0);
  }

  private in = (tick: number): number => this.counts.get(tick) ?? 0;
}

describe('two workers', () => {
  let world: World;
  let agents: StandIn[];
  let api: Api;
  let workers: [MonscaleProcess, MonscaleProcess];
  const names = Array.from({ length: SERVICES }, (_, index) => `polled-${index}`);

  beforeAll(async () => {
    world = await World.create();
    agents = await Promise.all(Array.from({ length: AGENTS }, startAgent));
    const [front, , ...rest] = await Promise.all(
      ['api', 'scheduler', 'worker', 'worker'].map((role) => world.start(role)),
    );
    api = front!.api;
    workers = rest as [MonscaleProcess, MonscaleProcess];
    await inBatches([...names.keys()], 16, (index) =>
      api.create('/services', {
        name: names[index],
        intervalSeconds: INTERVAL_MS / 1000,
        metrics: {
          load: {
            type: 'snmp_oid',
            params: { host: '127.0.0.1', port: agents[index % AGENTS]!.port, oid: `${OID}.${index}.0` },
          },
        },
        condition: 'load > 1',
      }),
    );
  }, 90_000);

  afterAll(async () => {
    await world?.end();
    await Promise.all(agents.map((agent) => agent.close()));
  });

  const donePolls = async ({ root }: MonscaleProcess): Promise<number> =>
    Number(/^monscale_polls_done_total (\d+)/m.exec((await root.get('/metrics')).body)?.[1] ?? 0);

  /** Polls that it says it has not done, as they came too late on a busy machine. */
  const droppedPolls = async ({ root }: MonscaleProcess): Promise<number> =>
    [...(await root.get('/metrics')).body.matchAll(/^monscale_polls_dropped_total\S* (\d+)/gm)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );

  const slotOf = async (name: string): Promise<number> =>
    (await world.rows('SELECT slot FROM services WHERE name = $1', [name]))[0]!.slot;

  async function samplesOf(name: string): Promise<number[]> {
    const { points } = (await api.get(`/services/${name}/samples`)).body;
    return points.map(([at]: [string]) => Date.parse(at));
  }

  it('do what one that stops has in hand: no service is read an interval later', async () => {
    await until(
      async () => (await Promise.all(names.map(samplesOf))).every(({ length }) => length > 0),
      20_000,
    );
    const since = Date.now();
    const droppedByBoth = async () => (await droppedPolls(workers[0])) + (await droppedPolls(workers[1]));
    let dropped = -(await droppedByBoth());
    // Some while it reads, some just before it would be given more: polls are on the queue when a second begins.
    for (const aheadMs of [400, 200, 50, -ANSWER_MS / 2]) {
      const another = await world.start('worker');
      await until(async () => (await donePolls(another)) > 0, 20_000, 'the third worker polls');
      await sleep(2_000 - (Date.now() % 1_000) - aheadMs);
      dropped += await droppedPolls(another);
      await another.stop();
    }
    await sleep(2 * INTERVAL_MS);
    dropped += await droppedByBoth();
    let missed = 0;
    await inBatches(names, 16, async (name) => {
      const moments = (await samplesOf(name)).filter((at) => at > since - INTERVAL_MS);
      missed += new Ticks(moments, await slotOf(name)).missed;
    });
    expect(missed).toBeLessThanOrEqual(dropped);
  }, 60_000);

  it('share the polls, and what a killed one leaves is done by the other; no moment is read twice', async () => {
    const before = await Promise.all(workers.map(donePolls));
    const shares = await until(
      async () => {
        const done = (await Promise.all(workers.map(donePolls))).map(
          (polls, index) => polls - before[index]!,
        );
        return done[0]! + done[1]! > 5 * SERVICES && done;
      },
      30_000,
      'both workers poll',
    );
    for (const share of shares) expect(share).toBeGreaterThan(SERVICES / 2);

    await workers[1].kill();
    const killedAt = Date.now();
    const isPolled = async (name: string) => (await samplesOf(name)).some((at) => at >= killedAt);
    await until(
      async () => (await Promise.all(names.map(isPolled))).every(Boolean),
      TAKEOVER_MS,
      'all are polled by the other',
    );
    const late: string[] = [];
    const doubled: string[] = [];
    await inBatches(names, 16, async (name) => {
      const moments = await samplesOf(name);
      const next = moments.find((at) => at >= killedAt) ?? Infinity;
      if (next > killedAt + TAKEOVER_MS) late.push(`${name}: ${next - killedAt} ms`);
      if (new Ticks(moments, await slotOf(name)).isDoubled) doubled.push(name);
    });
    expect({ late, doubled }).toEqual({ late: [], doubled: [] });
    // As many as are due, from then on.
    const alone = await donePolls(workers[0]);
    await until(async () => (await donePolls(workers[0])) - alone > 3 * SERVICES, 5 * INTERVAL_MS);
  }, 90_000);
});
