/**
 * Messages of SNMP as devices write them, read by Debian's `snmpget` and `snmptrapd` and by us: what they read, we read
 * as the same number.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { communityMessage } from '../../src/snmp/community-message';
import type { Reading } from '../../src/common/reading';
import { SnmpClient } from '../../src/snmp/snmp-client';
import { OddBer } from '../stand-ins/odd-ber';
import { bound, closed, getIn } from '../stand-ins/snmp-agents';
import { seeded } from './seeded';

export interface SnmpReport {
  answers: number;
  /** Of which Net-SNMP reads a number. */
  numbers: number;
  traps: number;
  /** Which Net-SNMP takes. */
  taken: number;
  violations: string[];
}

const BASE = '1.3.6.1.4.1.32584.7';
const TRAP_OID = '1.3.6.1.6.3.1.1.4.1.0';
const AT_ONCE = 8;
const ANSWER_MS = 250;
const TRAPS_AT_ONCE = 40;
const SENTINEL_MS = 5_000;
/** As `snmpget -OQt` writes a number. */
const NUMBER = /^-?\d+(?:\.\d+)?$/;

/** @param count of answers, and of traps */
export async function snmpCampaign(
  count: number,
  seed: number,
  onProgress: (line: string) => void = () => undefined,
): Promise<SnmpReport> {
  const report: SnmpReport = { answers: 0, numbers: 0, traps: 0, taken: 0, violations: [] };
  const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'snmp-'));
  try {
    await answers(count, seed, report, folder, onProgress);
    await traps(count, seed + 1, report, folder, onProgress);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return report;
}

/** No MIBs, no configuration of this machine, nothing kept. */
const environment = (folder: string) => ({
  ...process.env,
  SNMPCONFPATH: folder,
  SNMP_PERSISTENT_DIR: folder,
  MIBS: '',
});

async function answers(
  count: number,
  seed: number,
  report: SnmpReport,
  folder: string,
  onProgress: (line: string) => void,
): Promise<void> {
  const odd = new OddBer(seeded(seed));
  const values = Array.from({ length: count }, () => odd.value());
  const agent = await bound('127.0.0.1');
  const said = new Map<string, string>();
  agent.on('message', (message, { port, address }) => {
    const { version, id, oids } = getIn(message);
    const answer = odd.message(
      version,
      0xa2,
      id,
      oids.map((oid) => odd.varbind(oid, valueOf(oid))),
    );
    said.set(oids[0]!, `${said.get(oids[0]!) ?? ''} ${answer.toString('hex')}`);
    agent.send(answer, port, address);
  });
  const valueOf = (oid: string): Buffer => values[Number(oid.split('.').at(-2))]!;
  const client = new SnmpClient();
  const { port } = agent.address();
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) {
      const number = next++;
      const oid = `${BASE}.${number}.0`;
      const version = number % 3 === 0 ? '1' : '2c';
      const [theirs, asked] = await Promise.all([
        askedBySnmpget(version, port, oid, folder),
        askedByUs(client, version, port, oid),
      ]);
      report.answers++;
      if (report.answers % 1000 === 0) onProgress(`${report.answers} answers`);
      if (theirs === undefined) continue;
      report.numbers++;
      // On a busy machine an answer may come too late, which says nothing of how it is read.
      const ours = 'value' in asked ? asked : await askedByUs(client, version, port, oid);
      if (!('value' in ours) || !isSame(theirs, ours.value))
        report.violations.push(
          `${values[number]!.toString('hex')}: snmpget reads ${theirs}, we ${JSON.stringify(ours)}; ${said.get(oid)}`,
        );
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  client.onModuleDestroy();
  await closed(agent);
}

function askedBySnmpget(
  version: string,
  port: number,
  oid: string,
  folder: string,
): Promise<string | undefined> {
  const options = ['-v', version, '-c', 'public', '-OQnt', '-r', '0', '-t', String(ANSWER_MS / 1000)];
  return new Promise((resolve) => {
    execFile('snmpget', [...options, `127.0.0.1:${port}`, oid], { env: environment(folder) }, (_, stdout) => {
      const [, text = ''] = stdout.trim().split(' = ');
      resolve(NUMBER.test(text) ? text : undefined);
    });
  });
}

async function askedByUs(
  client: SnmpClient,
  version: '1' | '2c',
  port: number,
  oid: string,
): Promise<Reading> {
  const target = { host: '127.0.0.1', port, version, community: 'public' };
  const { signal } = new AbortController();
  const outcomes = await client.get(target, [oid], { timeoutMs: ANSWER_MS * 4, retries: 0, signal });
  return outcomes.get(oid)!;
}

/** TimeTicks are seconds with us; floats are written with six decimals. */
const isSame = (theirs: string, ours: number): boolean =>
  theirs.includes('.')
    ? Math.abs(Number(theirs) - ours) < 1e-5
    : Number(theirs) === ours || Number(theirs) === Math.round(ours * 100);

async function traps(
  count: number,
  seed: number,
  report: SnmpReport,
  folder: string,
  onProgress: (line: string) => void,
): Promise<void> {
  const odd = new OddBer(seeded(seed));
  const daemon = await Snmptrapd.start(folder);
  const socket = createSocket('udp4');
  for (let from = 0; from < count; from += TRAPS_AT_ONCE) {
    const batch = Array.from({ length: Math.min(TRAPS_AT_ONCE, count - from) }, (_, index) => {
      const name = `${BASE}.1.${from + index}`;
      return { name, datagram: trapOf(odd, name) };
    });
    for (const { datagram } of batch) socket.send(datagram, daemon.port, '127.0.0.1');
    const sentinel = `${BASE}.2.${from}`;
    socket.send(trapOf(new OddBer(() => 0.9, 0), sentinel), daemon.port, '127.0.0.1');
    await daemon.heard(sentinel);
    for (const { name, datagram } of batch) {
      report.traps++;
      const theirs = daemon.linesOf(name);
      if (theirs === undefined) continue;
      report.taken++;
      report.violations.push(
        ...differences(theirs, datagram).map((difference) => `${difference}; ${datagram.toString('hex')}`),
      );
    }
    if (report.traps % 1000 === 0) onProgress(`${report.traps} traps`);
  }
  socket.close();
  await daemon.stop();
}

function trapOf(odd: OddBer, name: string): Buffer {
  const varbinds = Array.from({ length: odd.below(4) }, (_, index) =>
    odd.varbind(`${BASE}.3.${index}`, odd.value()),
  );
  const upTime = odd.varbind('1.3.6.1.2.1.1.3.0', odd.integer(odd.below(2 ** 31), 0x43));
  return odd.message(1, 0xa7, odd.below(2 ** 31), [
    upTime,
    odd.varbind(TRAP_OID, odd.oid(name)),
    ...varbinds,
  ]);
}

function differences(theirs: Map<string, string>, datagram: Buffer): string[] {
  let ours: Map<string, string | number>;
  try {
    ours = new Map(
      communityMessage(datagram)
        .open()
        .varbinds.map(({ oid, value }) => [oid, value]),
    );
  } catch (error) {
    return [`snmptrapd takes it, we do not: ${String(error)}`];
  }
  return [...theirs].flatMap(([oid, value]) => {
    if (!NUMBER.test(value)) return [];
    const own = ours.get(oid);
    // Digit for digit, where a number would be rounded.
    const isEqual = typeof own === 'number' ? isSame(value, own) || Number(value) === own : value === own;
    return isEqual ? [] : [`${oid}: snmptrapd reads ${value}, we ${own}`];
  });
}

class Snmptrapd {
  private text = '';

  private constructor(
    private readonly process: ChildProcess,
    readonly port: number,
  ) {
    process.stdout!.on('data', (some: Buffer) => (this.text += some.toString('latin1')));
  }

  static async start(folder: string): Promise<Snmptrapd> {
    const probe = await bound('127.0.0.1');
    const { port } = probe.address();
    await closed(probe);
    const args = [
      '-f',
      '-Lo',
      '-C',
      '-n',
      '-OQnt',
      '--disableAuthorization=yes',
      '-F',
      '@%V|%v\n',
      `udp:127.0.0.1:${port}`,
    ];
    const process = spawn('snmptrapd', args, {
      env: environment(folder),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const daemon = new Snmptrapd(process, port);
    const sentinel = `${BASE}.0.0`;
    const socket = createSocket('udp4');
    for (let tries = 0; tries < 50 && daemon.linesOf(sentinel) === undefined; tries++) {
      socket.send(trapOf(new OddBer(() => 0.9, 0), sentinel), port, '127.0.0.1');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    socket.close();
    return daemon;
  }

  /** Until it has told that trap, and so those before it. */
  async heard(name: string): Promise<void> {
    for (const until = performance.now() + SENTINEL_MS; this.linesOf(name) === undefined;) {
      if (performance.now() > until) throw new Error(`snmptrapd does not tell ${name}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** What it tells of the trap of that name, by OID; undefined when it does not. */
  linesOf(name: string): Map<string, string> | undefined {
    const mark = `.${TRAP_OID} = .${name}`;
    const line = this.text.split('@').find((one) => one.split('|').some((part) => part.trim() === mark));
    if (line === undefined) return undefined;
    const parts = line
      .trim()
      .split('|')
      .map((part) => part.split(' = '));
    return new Map(
      parts
        .slice(2)
        .flatMap(([oid = '', value]) =>
          value === undefined ? [] : [[oid.replace(/^\./, ''), value.trim()] as const],
        ),
    );
  }

  async stop(): Promise<void> {
    const gone = once(this.process, 'exit');
    this.process.kill('SIGTERM');
    await gone;
  }
}
