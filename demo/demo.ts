import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Api } from '../test/program';
import type { StandIn } from '../test/stand-ins/snmp-agents';
import { definitions } from './definitions';
import { DemoWorld, startSwitch } from './world';

const MAIN = join(__dirname, '..', 'dist', 'src', 'main.js');
const START_MS = 90_000;
const ALERT_EVERY_MS = 40_000;

const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1_000).toISOString();

/** Program with embedded servers in a folder of its own, amid a world that it watches. All of it is gone at the end. */
export class Demo {
  readonly username = 'demo';
  readonly password = randomBytes(12).toString('base64url');
  private readonly world = new DemoWorld();
  private readonly switches: StandIn[] = [];
  private isOver = false;

  private constructor(
    readonly url: string,
    readonly api: Api,
    private readonly folder: string,
    private readonly program: ChildProcess,
  ) {}

  /** @param port of the console; it is all that is opened beside SNMP's at the next number, on this machine alone */
  static async start(port: number): Promise<Demo> {
    const folder = mkdtempSync(join(tmpdir(), 'monscale-demo-'));
    const token = randomBytes(24).toString('base64url');
    const env = {
      ...process.env,
      MONSCALE_DATA_DIR: folder,
      MONSCALE_HTTP_PORT: String(port),
      MONSCALE_TRAP_PORT: String(port + 1),
      MONSCALE_ADMIN_TOKEN: token,
      MONSCALE_LOG_LEVEL: 'error',
    };
    // Of a group of its own: Ctrl-C reaches this program, which ends the other.
    const program = spawn(process.execPath, [MAIN], {
      env,
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const url = `http://127.0.0.1:${port}`;
    const demo = new Demo(url, new Api(`${url}/api/v1`, token), folder, program);
    try {
      await demo.ready();
      await demo.furnish();
    } catch (error) {
      await demo.stop();
      throw error;
    }
    return demo;
  }

  private async ready(): Promise<void> {
    const root = new Api(this.url, '');
    const end = performance.now() + START_MS;
    for (;;) {
      const answer = await root.get('/health/ready').catch(() => undefined);
      if (answer?.status === 200) return;
      if (this.program.exitCode !== null) throw new Error('the program ended; what it said stands above');
      if (performance.now() > end) throw new Error('the program was not ready in time');
      await sleep(200);
    }
  }

  /** Makes everything that people find: somebody to sign in as, definitions, a silence, alerts. */
  private async furnish(): Promise<void> {
    const world = await this.world.start();
    for (const [least, most, period] of [[55, 78, 100], [40, 60, 130], [50, 73, 160], [35, 52, 90], [58, 71.5, 80], [42, 64, 120]] as const)
      this.switches.push(await startSwitch(least, most, period)); // prettier-ignore
    await this.api.create('/users', { name: this.username, displayName: 'Demo', password: this.password });
    await this.api.create('/grants', { subject: { user: this.username }, role: 'admin', approve: true });
    const document = definitions(
      world,
      this.switches.map(({ port }) => port),
    );
    const night = { name: 'vera', displayName: 'Vera, at night', groups: ['night-shift'], password: randomBytes(12).toString('base64url') }; // prettier-ignore
    await this.api.create('/users', night);
    const group = { group: 'night-shift' };
    await this.api.create('/grants', {
      subject: group,
      role: 'operator',
      scope: { labels: { team: 'data' } },
    });
    const imported = await this.api.post('/import', document);
    if (imported.status !== 200)
      throw new Error(`the definitions are refused: ${JSON.stringify(imported.body)}`);
    await this.api.create('/silences', {
      match: { labels: { team: 'reports' } },
      endsAt: inSeconds(3_600),
      reason: 'The report moves to another machine',
    });
    await this.api.create('/silences', {
      match: { labels: { team: 'data' } },
      endsAt: inSeconds(60 * 86_400),
      schedule: {
        rrule: 'FREQ=WEEKLY;BYDAY=TU,SA;BYHOUR=2;BYMINUTE=30',
        timeZone: 'Europe/Madrid',
        durationSeconds: 5_400,
      },
      reason: 'Backup window',
    });
    await this.api.create('/silences', {
      match: { services: ['shop has nodes to spare'] },
      mutes: 'scale_down',
      startsAt: inSeconds(3 * 86_400),
      endsAt: inSeconds(5 * 86_400),
      reason: 'Sale: no node is let go',
    });
    const source = { name: 'prometheus', format: 'alertmanager', params: {} };
    const { token } = (await this.api.create('/sources', source)) as { token: string };
    void this.sendAlerts(new Api(this.url, token));
  }

  /** Sends what a Prometheus would: a disk that fills up, and is emptied. */
  private async sendAlerts(prometheus: Api): Promise<void> {
    const disk = (host: string) => ({
      labels: { alertname: 'DiskFull', instance: host, severity: 'warning' },
      annotations: { summary: `${host} has less than 5 % left` },
    });
    for (let round = 0; !this.isOver; round++) {
      const isOver = round % 2 === 1;
      const alert = {
        ...disk(`db-${1 + (Math.floor(round / 2) % 3)}`),
        ...(isOver ? { endsAt: inSeconds(0) } : {}),
      };
      await prometheus.post('/api/v2/alerts', [alert]).catch(() => undefined);
      await sleep(ALERT_EVERY_MS);
    }
  }

  async stop(): Promise<void> {
    this.isOver = true;
    if (this.program.exitCode === null) {
      const ended = once(this.program, 'exit');
      this.program.kill('SIGTERM');
      await ended;
    }
    await Promise.all([this.world.stop(), ...this.switches.map((one) => one.close())]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
