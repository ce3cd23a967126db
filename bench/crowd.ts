/** A program that polls many services of which some change all the time, and browsers in which somebody is signed in to it. */
import type { ChildProcess } from 'node:child_process';
import type { Browser, BrowserContext } from 'playwright-core';
import { startBrowser } from '../test/console/browser';
import { define, startResponder } from './poll';
import { BenchProgram, sleep } from './program';

const HOSTS = 1_000;
const PASSWORD = 'a password of the benches';
const LIVES_SECONDS = 3_600;

export interface CrowdSetting {
  services: number;
  /** Interval of the polls, seconds. */
  interval: number;
  /** Number of services that change their phase, a second. */
  changes: number;
}

/** Read from the command line: how many there are, and how much happens. */
export const CROWD_OPTIONS = {
  services: { type: 'string', default: '10000' },
  interval: { type: 'string', default: '10' },
  changes: { type: 'string', default: '10' },
} as const;

export const crowdSetting = (values: Record<keyof typeof CROWD_OPTIONS, string>): CrowdSetting => ({
  services: Number(values.services),
  interval: Number(values.interval),
  changes: Number(values.changes),
});

export class Crowd {
  private constructor(
    readonly program: BenchProgram,
    readonly browser: Browser,
    private readonly responder: ChildProcess,
    private readonly cookie: string,
  ) {}

  /** Starts it all, and waits until every service has been polled. */
  static async start({ services, interval, changes }: CrowdSetting): Promise<Crowd> {
    const responder = startResponder(HOSTS, LIVES_SECONDS);
    const program = await BenchProgram.start();
    const changing = (changes * 60) / services;
    await define(program, { services, hosts: HOSTS, metrics: 1, changing, interval, seconds: 0 });
    await program.post('/api/v1/users', { name: 'anna', password: PASSWORD });
    await program.post('/api/v1/grants', { subject: { user: 'anna' }, role: 'admin', approve: true });
    const answer = await fetch(`${program.url}/api/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'anna', password: PASSWORD }),
    });
    const [cookie] = answer.headers.get('set-cookie')!.split(';');
    await sleep((2 * interval + 5) * 1_000);
    return new Crowd(program, await startBrowser(), responder, cookie!);
  }

  /** A browser that has nothing in its cache, with somebody signed in. */
  async visitor(viewport: { width: number; height: number }): Promise<BrowserContext> {
    const context = await this.browser.newContext({ viewport, baseURL: this.program.url });
    const at = this.cookie.indexOf('=');
    await context.addCookies([
      { name: this.cookie.slice(0, at), value: this.cookie.slice(at + 1), url: this.program.url },
    ]);
    return context;
  }

  async stop(): Promise<void> {
    await this.browser.close();
    await this.program.stop();
    this.responder.kill();
  }
}
