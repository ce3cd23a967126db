import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Unavailable } from '../common/errors';
import { newId } from '../common/ids';
import { telemetry } from '../common/telemetry';
import type { IncomingAlert } from '../alerts/alert';
import { DatagramPacker, PackedDatagrams } from './datagrams';
import { Informs } from './informs';
import { Spool } from './spool';
import { TrapFlow, type TrapFlowPorts } from './trap-flow';

/** A world of which PostgreSQL may be away; each datagram is a note with its text as the key. */
class World implements TrapFlowPorts {
  isAway = false;
  readonly stored: string[] = [];
  readonly acknowledged: string[] = [];
  readonly informs = new Informs();
  released = 0;
  /** Commits that are answered as if they had failed. */
  lostAnswers = 0;
  private readonly ids = new Set<string>();

  constructor(public spool: Spool | undefined) {}

  trapIn: TrapFlowPorts['trapIn'] = ({ bytes, address, port }) => {
    const text = bytes.toString();
    const id = newId();
    const alert: IncomingAlert = {
      id,
      dedupKey: text,
      status: 'firing',
      labels: {},
      annotations: {},
      at: new Date(0),
    };
    const inform = { key: text, acknowledgement: Buffer.from(text), address, port };
    return {
      id,
      source: text.startsWith('b') ? 'b' : 'a',
      alerts: [alert],
      ...(text.includes('inform') ? { inform } : {}),
    };
  };

  accept: TrapFlowPorts['accept'] = async (_, alerts) => {
    if (this.isAway) throw new Unavailable('away');
    if (alerts.some(({ dedupKey }) => dedupKey.includes('bad')))
      throw Object.assign(new Error('too large'), { code: '54000' });
    for (const { id, dedupKey, at } of alerts) {
      expect(at).toBeInstanceOf(Date);
      this.ids.add(id!);
      this.stored.push(dedupKey);
    }
    if (this.lostAnswers-- > 0) throw new Unavailable('the connection was lost');
  };

  kept: TrapFlowPorts['kept'] = async (ids) => {
    if (this.isAway) throw new Unavailable('away');
    return new Set(ids.filter((id) => this.ids.has(id)));
  };

  release: TrapFlowPorts['release'] = () => void this.released++;
  acknowledge: TrapFlowPorts['acknowledge'] = (answer) => void this.acknowledged.push(answer.toString());
}

describe('the way of notifications', () => {
  let folder: string;
  let flow: TrapFlow;
  let world: World;

  beforeEach(() => (folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'flow-'))));

  afterEach(async () => {
    world.isAway = false;
    await flow.stop();
    rmSync(folder, { recursive: true });
  });

  async function begin(maxBytes?: number): Promise<void> {
    const spool = maxBytes === undefined ? undefined : new Spool(folder, maxBytes, 3);
    await spool?.open();
    world = new World(spool);
    flow = new TrapFlow(world);
    flow.start();
  }

  function send(...texts: string[]): void {
    const packer = new DatagramPacker();
    for (const text of texts) packer.add(Buffer.from(text), '10.0.0.1', 1);
    flow.take(new PackedDatagrams(packer.take()));
  }

  async function until(claim: () => boolean): Promise<void> {
    for (let tries = 0; tries < 500 && !claim(); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(claim()).toBe(true);
  }

  it('is straight while PostgreSQL is there; informs are acknowledged then', async () => {
    await begin(10_000);
    send('a1', 'a-inform', 'b1', 'a2');
    await until(() => world.stored.length === 4);
    expect([world.stored, world.acknowledged]).toEqual([['a1', 'a-inform', 'b1', 'a2'], ['a-inform']]);
    await until(() => world.released === 1);
  });

  it('leads over the disk while it is away, in order, and nothing goes twice', async () => {
    await begin(10_000);
    world.isAway = true;
    send('a1', 'a2', 'a-inform', 'a4');
    await until(() => world.acknowledged.length === 1);
    send('b5');
    await until(() => world.released === 2);
    world.isAway = false;
    world.lostAnswers = 1;
    send('a6');
    await until(() => world.stored.length === 6);
    await until(() => world.spool!.isEmpty);
    expect(world.stored).toEqual(['a1', 'a2', 'a-inform', 'a4', 'b5', 'a6']);
  });

  it('waits in memory where there is no disk, and informs are not acknowledged meanwhile', async () => {
    await begin();
    world.isAway = true;
    send('a1', 'a-inform');
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect([world.acknowledged, world.released]).toEqual([[], 0]);
    world.isAway = false;
    await until(() => world.acknowledged.length === 1);
    expect(world.stored).toEqual(['a1', 'a-inform']);
  });

  it('leads over the disk as soon as there is one, what waits in it from earlier first', async () => {
    const earlier = new Spool(folder, 10_000, 3);
    await earlier.open();
    await earlier.append([
      JSON.stringify({ id: newId(), source: 'a', alerts: [{ dedupKey: 'a0', at: new Date(0) }] }),
    ]);
    await earlier.close();
    await begin();
    world.isAway = true;
    send('a1', 'a-inform');
    await until(() => flow['isAway']);
    const spool = new Spool(folder, 10_000, 3);
    await spool.open();
    world.spool = spool;
    await until(() => world.acknowledged.length === 1);
    world.isAway = false;
    await until(() => world.stored.length === 3);
    expect(world.stored).toEqual(['a0', 'a1', 'a-inform']);
  });

  it('counts what it was never started for', async () => {
    world = new World(undefined);
    flow = new TrapFlow(world);
    send('a1', 'a2', 'b3');
    send('a4');
    const before = await lost();
    await flow.stop();
    expect((await lost()) - before).toBe(4);
  });

  const lost = async (): Promise<number> => {
    const { values } = await telemetry.trapDrops.get();
    return values.find(({ labels }) => labels.where === 'no sources')?.value ?? 0;
  };

  it('loses what there is no disk for, and an inform among it may come again', async () => {
    await begin(250);
    world.isAway = true;
    world.informs.meet('a-inform', new Date());
    send('a1', 'a2', 'a3', 'a-inform');
    await until(() => world.released === 1);
    expect(world.acknowledged).toEqual([]);
    expect(world.informs.meet('a-inform', new Date())).toBeUndefined();
    world.isAway = false;
    await until(() => world.stored.length > 0);
    expect(world.stored).toEqual(['a1']);
  });

  it('leaves behind what PostgreSQL can not hold, and nothing else', async () => {
    await begin(10_000);
    send('a1', 'a2-bad', 'a3', 'a4', 'a5-bad');
    await until(() => world.stored.length === 3);
    expect(world.stored).toEqual(['a1', 'a3', 'a4']);
  });
});
