/** Redis servers of a spec's own, by the binary that the embedded one is: with TLS, under Sentinels, as a Cluster. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { findRedis } from '../../src/embedded/redis-binary';
import { testPort } from '../ports';

const START_MS = 10_000;
const SLOTS = 16_384;

export interface RedisStandIn {
  port: number;
  /** To look and to change things; plain, or by TLS without a look at the certificate. */
  client: Redis;
  /** As a power cut would. */
  kill(): void;
  stop(): Promise<void>;
}

/** @param files names and contents, in the folder that it runs in; `redis.conf` gets its port */
async function start(
  lines: string[],
  { args = [] as string[], files = {}, isTls = false } = {},
): Promise<RedisStandIn> {
  const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'redis-'));
  const binary = await findRedis(folder, () => undefined);
  const port = await testPort();
  const ports = isTls ? ['port 0', `tls-port ${port}`] : [`port ${port}`];
  const all = { ...files, 'redis.conf': ['bind 127.0.0.1', 'save ""', ...ports, ...lines].join('\n') };
  for (const [name, content] of Object.entries(all)) writeFileSync(join(folder, name), content);
  const env = { PATH: process.env.PATH, ...binary.env };
  const child = spawn(binary.command, ['redis.conf', ...args], { cwd: folder, env, stdio: 'ignore' });
  const tls = isTls ? { rejectUnauthorized: false } : undefined;
  const password = lines.find((line) => line.startsWith('requirepass '))?.split(' ')[1];
  const client = new Redis({ port, tls, password, lazyConnect: true, disconnectTimeout: 100 });
  client.on('error', () => undefined);
  await answers(client, child);
  const stop = async (): Promise<void> => {
    client.disconnect();
    const gone = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    child.kill('SIGKILL');
    await gone;
    rmSync(folder, { recursive: true, force: true });
  };
  return { port, client, kill: () => void child.kill('SIGKILL'), stop };
}

async function answers(client: Redis, child: ChildProcess): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += 50) {
    const isUp = await client.ping().then(
      () => true,
      () => false,
    );
    if (isUp) return;
    if (waitedMs > START_MS || child.exitCode !== null) throw new Error('Redis did not start');
    await sleep(50);
  }
}

export const startRedis = (...lines: string[]): Promise<RedisStandIn> => start(lines);

/** One that speaks TLS alone. */
export function startSecureRedis({ cert, key }: { cert: string; key: string }): Promise<RedisStandIn> {
  const lines = [
    'tls-cert-file cert.pem',
    'tls-key-file key.pem',
    'tls-ca-cert-file cert.pem',
    'tls-auth-clients no',
  ];
  return start(lines, { isTls: true, files: { 'cert.pem': cert, 'key.pem': key } });
}

/** A Sentinel that watches a master, and lets another take over when it is away for half a second. */
export function startSentinel(master: RedisStandIn, name: string, password?: string): Promise<RedisStandIn> {
  const lines = [
    `sentinel monitor ${name} 127.0.0.1 ${master.port} 1`,
    `sentinel down-after-milliseconds ${name} 500`,
    `sentinel failover-timeout ${name} 2000`,
    ...(password ? [`sentinel auth-pass ${name} ${password}`] : []),
  ];
  return start(lines, { args: ['--sentinel'] });
}

/** Masters that share the slots evenly; without one of them the others go on. */
export async function startCluster(size: number, password: string): Promise<RedisStandIn[]> {
  const nodes = await Promise.all(
    Array.from({ length: size }, async () =>
      start([
        'cluster-enabled yes',
        `cluster-port ${await testPort()}`,
        'cluster-node-timeout 2000',
        'cluster-require-full-coverage no',
        `requirepass ${password}`,
      ]),
    ),
  );
  const [first] = nodes;
  for (const [index, { client }] of nodes.entries()) {
    const bound = (at: number): number => Math.floor((at * SLOTS) / size);
    await client.call('CLUSTER', 'ADDSLOTSRANGE', bound(index), bound(index + 1) - 1);
    const bus = (await first!.client.config('GET', 'cluster-port')) as string[];
    if (index > 0) await client.call('CLUSTER', 'MEET', '127.0.0.1', first!.port, bus[1]!);
  }
  for (let waitedMs = 0; !(await areOne(nodes)); waitedMs += 50) {
    if (waitedMs > START_MS) throw new Error('the Redis Cluster did not come together');
    await sleep(50);
  }
  return nodes;
}

async function areOne(nodes: RedisStandIn[]): Promise<boolean> {
  const infos = await Promise.all(nodes.map(({ client }) => client.cluster('INFO')));
  return infos.every(
    (info) =>
      String(info).includes('cluster_state:ok') &&
      String(info).includes(`cluster_known_nodes:${nodes.length}`),
  );
}
