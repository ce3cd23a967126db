import { setTimeout as sleep } from 'node:timers/promises';
import { Probe } from './probe';
import { stateOf, type Checks } from './readiness';
import type { Role } from '../config/config';

const ALL = ['database', 'redis', 'clock', 'spool', 'sources', 'scheduler', 'polls', 'disk'];

describe('the state of a process', () => {
  const checks = (...down: string[]): Checks =>
    Object.fromEntries(
      ALL.map((name) => [name, down.includes(name) ? { status: 'down', error: 'x' } : { status: 'up' }]),
    );
  const rows: [roles: Role[], down: string[], state: string][] = [
    [['api'], [], 'up'],
    [['api'], ['redis'], 'degraded'],
    [['api'], ['database'], 'down'],
    [['api'], ['clock'], 'down'],
    [['api'], ['disk'], 'degraded'],
    [['trap'], ['database'], 'degraded'],
    [['trap'], ['redis'], 'degraded'],
    [['trap'], ['spool'], 'degraded'],
    [['trap'], ['database', 'spool'], 'down'],
    [['trap'], ['sources'], 'degraded'],
    [['trap'], ['database', 'sources'], 'down'],
    [['trap'], ['clock'], 'down'],
    [['worker'], ['redis'], 'down'],
    [['worker'], ['database'], 'down'],
    [['scheduler'], ['redis'], 'down'],
    [['scheduler'], ['polls'], 'down'],
    [['scheduler'], ['scheduler'], 'down'],
    [['scheduler', 'worker'], ['redis'], 'down'],
    [['api', 'worker'], ['redis'], 'degraded'],
    [['api', 'scheduler', 'worker', 'trap'], ['polls'], 'degraded'],
    [['api', 'scheduler', 'worker', 'trap'], ['database'], 'down'],
    [['api', 'scheduler', 'worker', 'trap'], [], 'up'],
  ];
  test.each(rows)('of %j without %j is %s', (roles, down, state) => {
    expect(stateOf(roles, checks(...down))).toBe(state);
  });
});

describe('a probe', () => {
  it('tries once, however many ask at once and soon after, and again soon when it failed', async () => {
    let tries = 0;
    const probe = new Probe(async () => {
      await sleep(20);
      if (++tries === 1) throw new Error('disk full');
    });
    const looks = await Promise.all(Array.from({ length: 50 }, () => probe.look()));
    expect([tries, new Set(looks.map((check) => JSON.stringify(check)))]).toEqual([
      1,
      new Set([JSON.stringify({ status: 'down', error: 'disk full' })]),
    ]);
    await sleep(250);
    await probe.renewed();
    for (let times = 0; times < 50; times++) expect(await probe.look()).toEqual({ status: 'up' });
    expect(tries).toBe(2);
  });

  it('says in time that there is no answer, and goes on once there is one', async () => {
    let answer!: () => void;
    const probe = new Probe(() => new Promise((resolve) => (answer = resolve)), 1_000);
    expect(await probe.look()).toEqual({ status: 'down', error: 'no answer in 1 s' });
    // The second is not waited for anew.
    const begin = performance.now();
    expect(await probe.look()).toEqual({ status: 'down', error: 'no answer in 1 s' });
    expect(performance.now() - begin).toBeLessThan(900);
    answer();
    await sleep(1);
    expect(await probe.look()).toEqual({ status: 'up' });
  });
});
