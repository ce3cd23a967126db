/** What is around the program: name servers, clocks, keys, disks. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MonscaleProcess } from '../../program';
import { testPort } from '../../ports';
import { INTERVAL_SECONDS } from './good-work';
import { oneOf, upTo, type Mischief, type Stage } from './mischief';

const deadZone: Mischief = {
  name: 'a zone whose name servers are silent',
  play: async ({ front, random, zones }) => {
    const zone = `z${upTo(random, 1e9)}.test`;
    const names = Array.from({ length: 40 }, (_, n) => `${zone}-${n}`);
    zones.silence(zone, true);
    for (const [n, name] of names.entries())
      await front.api.post('/services', {
        name,
        intervalSeconds: 1,
        metrics: {
          value: { type: 'http_status', params: { url: `http://h${n}.${zone}/` }, timeoutSeconds: 1 },
        },
        condition: 'value > 1',
      });
    await sleep(8_000);
    for (const name of names) await front.api.delete(`/services/${name}`);
    zones.silence(zone, false);
  },
};

/** A process beside the others, for a while. @returns its exit code, where it ended by itself */
async function beside(
  { world, env: common }: Stage,
  roles: string,
  env: Record<string, string>,
  lifeMs: number,
): Promise<number | null | undefined> {
  const { databaseUrl, redisUrl } = world;
  const one = new MonscaleProcess(
    { roles, databaseUrl, redisUrl, env: { ...common, ...env } },
    await testPort(),
  );
  world.processes.push(one);
  const ended = await Promise.race([one.ended, sleep(lifeMs, undefined)]);
  if (ended === undefined) await one.stop();
  return ended;
}

const wrongClock: Mischief = {
  name: 'a scheduler and worker whose clock is wrong',
  play: async (stage) => {
    const seconds = oneOf(stage.random, [-86_400, -3_600, -20, 20, 3_600, 86_400]);
    const file = join(stage.folder, `shift-${seconds}`);
    writeFileSync(file, String(seconds));
    const env = {
      NODE_OPTIONS: `${stage.env.NODE_OPTIONS} --require ${join(__dirname, '../../stand-ins/shifted-clock.cjs')}`,
      SHIFTED_CLOCK: file,
    };
    await beside(stage, 'scheduler,worker', env, 9_000);
  },
};

const wrongKey: Mischief = {
  name: 'a worker with another secret key',
  play: async (stage) => {
    const env = { MONSCALE_SECRET_KEY: Buffer.alloc(32, upTo(stage.random, 256)).toString('base64') };
    const ended = await beside(stage, 'worker', env, 60_000);
    if (ended === undefined || ended === 0) throw new Error('it did not refuse to start');
  },
};

const killedWorker: Mischief = {
  name: 'a worker that is killed, or sleeps, amid its work',
  play: async ({ world, env, random }) => {
    const one = await world.start('worker', { env });
    await sleep(upTo(random, 3_000));
    if (random() < 0.5) {
      process.kill(one.pid, 'SIGSTOP');
      await sleep(6_000);
      process.kill(one.pid, 'SIGCONT');
      await sleep(1_000);
    }
    await one.kill();
    // What it had in hand is read late, or not: of two that die one after the other a service may lose two readings.
    await sleep(INTERVAL_SECONDS * 1000);
  },
};

const spool: Mischief = {
  name: 'a spool that can not be written',
  play: async ({ folder }) => {
    const path = join(folder, 'spool');
    chmodSync(path, 0o500);
    await sleep(5_000);
    chmodSync(path, 0o700);
  },
};

export const SURROUNDINGS = [deadZone, wrongClock, wrongKey, killedWorker, spool];
