/**
 * Nonsense for every way in of alerts, and for the trap socket, for as long as it is told: no answer of 5xx, no crash,
 * and no memory that grows.
 */
import { createSocket, type Socket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { json } from '../nasty-json';
import { until, World, type MonscaleProcess } from '../program';
import { ber } from '../stand-ins/snmp-agents';
import { seeded, type Random } from './seeded';

export interface FuzzReport {
  requests: number;
  datagrams: number;
  /** Answers by status. */
  statuses: Record<number, number>;
  /** Resident memory after half of the time, when the heap has its size, and at the end, MB. */
  memoryMb: [before: number, after: number];
  violations: string[];
}

const PATHS = [
  '/api/v1/alerts', '/api/v1/alerts/alertmanager', '/api/v1/alerts/grafana', '/api/v1/alerts/sns', '/api/v1/alerts/cloudevents',
  '/api/v1/alerts/pagerduty', '/api/v1/alerts/icinga', '/api/v1/alerts/zabbix', '/api/v1/alerts/auto', '/api/v2/alerts',
  '/v1/actions/process-check-result', '/api/v1/alerts/pagerduty/v2/enqueue',
]; // prettier-ignore
const TYPES = [
  'application/json', 'text/plain; charset=UTF-8', 'application/cloudevents+json', 'application/cloudevents-batch+json',
]; // prettier-ignore
const AT_ONCE = 16;
const DATAGRAMS_A_ROUND = 64;
/** What a heap that does not grow comes and goes by. */
const GROWTH_MB = 120;

const oid = (...bytes: number[]) => ber(0x06, Buffer.from([0x2b, ...bytes]));
const binding = (name: Buffer, value: Buffer) => ber(0x30, name, value);
const whole = (value: number) => ber(0x02, Buffer.from([value]));

/** coldStart, version 2c, community `public`: sysUpTime.0, snmpTrapOID.0 and a name. */
const TRAP = ber(
  0x30,
  whole(1),
  ber(0x04, Buffer.from('public')),
  ber(
    0xa7,
    whole(7),
    whole(0),
    whole(0),
    ber(
      0x30,
      binding(oid(6, 1, 2, 1, 1, 3, 0), ber(0x43, Buffer.from([1, 2]))),
      binding(oid(6, 1, 6, 3, 1, 1, 4, 1, 0), oid(6, 1, 6, 3, 1, 1, 5, 1)),
      binding(oid(6, 1, 2, 1, 1, 5, 0), ber(0x04, Buffer.from('web-3'))),
    ),
  ),
);

export async function fuzzCampaign(seconds: number, seed: number): Promise<FuzzReport> {
  const world = await World.create();
  const socket = createSocket('udp4');
  try {
    const program = await world.start();
    await program.api.create('/sources', { name: 'traps', format: 'snmp', params: {} });
    await program.api.create('/services', {
      name: 'asking',
      metrics: {
        any: { type: 'alert', params: { match: { alertname: { regex: '.*' } }, value: '$.value' } },
      },
      condition: 'any > 0.5',
    });
    return await new Fuzz(program, socket, seeded(seed), seed).run(seconds);
  } finally {
    socket.close();
    await world.end();
  }
}

class Fuzz {
  private readonly report: FuzzReport = {
    requests: 0,
    datagrams: 0,
    statuses: {},
    memoryMb: [0, 0],
    violations: [],
  };

  constructor(
    private readonly program: MonscaleProcess,
    private readonly socket: Socket,
    private readonly random: Random,
    private readonly seed: number,
  ) {}

  async run(seconds: number): Promise<FuzzReport> {
    const begun = performance.now();
    const isOver = (share: number) => performance.now() - begun > share * seconds * 1000;
    for (let round = 0; !isOver(1) && this.report.violations.length < 20; round++) {
      const bodies = fc.sample(json, { seed: this.seed + round, numRuns: AT_ONCE });
      await Promise.all(bodies.map((body) => this.post(body)));
      this.sendDatagrams();
      if (this.report.memoryMb[0] === 0 && isOver(0.5)) this.report.memoryMb[0] = this.memoryMb();
    }
    await until(
      async () => (await this.program.root.get('/health/ready')).status === 200,
      10_000,
      'it is ready afterwards',
    ).catch((error: Error) => this.report.violations.push(error.message));
    this.report.memoryMb[1] = this.memoryMb();
    const [before, after] = this.report.memoryMb;
    if (after > before + GROWTH_MB) this.report.violations.push(`it grew from ${before} to ${after} MB`);
    return this.report;
  }

  private async post(body: unknown): Promise<void> {
    const path = this.oneOf(PATHS);
    const text = JSON.stringify(body) ?? '';
    const sent = this.random() < 0.2 ? this.spoilt(Buffer.from(text)).toString('latin1') : text;
    try {
      const { status } = await this.program.root.post(path, sent, { 'Content-Type': this.oneOf(TYPES) });
      this.report.requests++;
      this.report.statuses[status] = (this.report.statuses[status] ?? 0) + 1;
      if (status >= 500) this.report.violations.push(`${path} answered ${status} to ${sent.slice(0, 200)}`);
    } catch (error) {
      this.report.violations.push(
        `${path} did not answer ${sent.slice(0, 200)}: ${(error as Error).message}`,
      );
    }
  }

  private sendDatagrams(): void {
    for (let n = 0; n < DATAGRAMS_A_ROUND; n++) {
      const datagram =
        this.random() < 0.2
          ? Buffer.from(Array.from({ length: this.upTo(1_400) }, () => this.upTo(256)))
          : this.spoilt(TRAP);
      this.socket.send(datagram, this.program.port, '127.0.0.1');
      this.report.datagrams++;
    }
  }

  /** Some bytes changed, cut off or put in. */
  private spoilt(bytes: Buffer): Buffer {
    const spoilt = Buffer.from(bytes);
    for (let n = this.upTo(4); n >= 0 && spoilt.length > 0; n--)
      spoilt[this.upTo(spoilt.length)] = this.upTo(256);
    const cut = this.random() < 0.3 ? this.upTo(spoilt.length + 1) : spoilt.length;
    return Buffer.concat([spoilt.subarray(0, cut), Buffer.alloc(this.random() < 0.1 ? 300 : 0, 0x30)]);
  }

  private oneOf<T>(items: readonly T[]): T {
    return items[this.upTo(items.length)]!;
  }

  private upTo(end: number): number {
    return Math.floor(this.random() * end);
  }

  private memoryMb(): number {
    const status = readFileSync(`/proc/${this.program.pid}/status`, 'utf8');
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024);
  }
}
