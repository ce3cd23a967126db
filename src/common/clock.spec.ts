import fc from 'fast-check';
import { SyncedClock } from './clock';

/** A machine, and a server whose time is the true one unless it is set. */
class Setting {
  monotonic = 5_000;
  systemLead = 0;
  serverLead = 0;
  readonly trueStart = 1_800_000_000_000;
  readonly clock = new SyncedClock({
    system: () => this.true + this.systemLead,
    monotonic: () => this.monotonic,
  });

  get true(): number {
    return this.trueStart + this.monotonic;
  }

  get server(): number {
    return this.true + this.serverLead;
  }

  /** Asks; the server reads its clock somewhere on the way. */
  sync(thereMs: number, backMs: number): number {
    const askedAt = this.monotonic;
    this.monotonic += thereMs;
    const said = this.server;
    this.monotonic += backMs;
    return this.clock.sync(said, askedAt, this.monotonic);
  }

  get off(): number {
    return this.clock.now().getTime() - this.server;
  }
}

describe("a clock that goes by a server's", () => {
  it('knows no better than the machine until it has asked', () => {
    const setting = new Setting();
    setting.systemLead = 3_600_000;
    expect(setting.clock.isSynced).toBe(false);
    expect(setting.off).toBe(3_600_000);
    setting.sync(1, 1);
    expect(Math.abs(setting.off)).toBeLessThanOrEqual(1);
    expect(setting.clock.offsetMs).toBeCloseTo(-3_600_000, -1);
  });

  it('is never further off than it says, whatever the way takes and however the machine is set', () => {
    const step = fc.record({
      passMs: fc.nat(60_000),
      there: fc.nat(5_000),
      back: fc.nat(5_000),
      set: fc.integer({ min: -7_200_000, max: 7_200_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
        const setting = new Setting();
        for (const { passMs, there, back, set } of steps) {
          setting.monotonic += passMs;
          setting.systemLead = set;
          expect(setting.sync(there, back)).toBe(0);
          const off = setting.clock.offsetMs - (setting.server - setting.true - setting.systemLead);
          expect(Math.abs(off)).toBeLessThanOrEqual(setting.clock.errorMs + 0.001);
          // The shortest way there ever was bounds it, but for drift.
          expect(setting.clock.errorMs).toBeLessThanOrEqual((there + back) / 2 + 1);
        }
      }),
    );
  });

  it.each([-3_600_000, -5_000, 5_000, 3_600_000])(
    'follows a server that is set by %i ms, and says so',
    (ms) => {
      const setting = new Setting();
      setting.sync(2, 2);
      setting.monotonic += 2_000;
      setting.serverLead = ms;
      expect(setting.sync(2, 2)).toBeCloseTo(ms, -1);
      expect(Math.abs(setting.off)).toBeLessThanOrEqual(2);
    },
  );

  it('stands still rather than go back by a little, and goes back by much', () => {
    const setting = new Setting();
    setting.sync(0, 0);
    const before = setting.clock.now();
    setting.serverLead = -500;
    setting.sync(0, 0);
    expect(setting.clock.now()).toEqual(before);
    setting.monotonic += 600;
    expect(setting.off).toBe(0);
    setting.serverLead = -10_000;
    setting.sync(0, 0);
    expect(setting.off).toBe(0);
  });

  it('goes on while nobody answers, and knows less and less', () => {
    const setting = new Setting();
    setting.sync(1, 1);
    const { errorMs } = setting.clock;
    setting.monotonic += 3_600_000;
    setting.systemLead = -86_400_000;
    expect(Math.abs(setting.off)).toBeLessThanOrEqual(1);
    expect(setting.clock.errorMs).toBeGreaterThan(errorMs + 1_000);
  });
});
