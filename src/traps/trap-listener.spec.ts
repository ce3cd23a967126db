import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Unavailable } from '../common/errors';
import type { Config } from '../config/config';
import type { Database } from '../database/database';
import type { AlertIngest } from '../alerts/alert-ingest';
import type { Sources } from '../alerts/sources';
import type { EngineStore } from '../snmp/engine-store';
import type { Mibs } from './mibs';
import type { Refusals } from './refusals';
import { TrapListener } from './trap-listener';

/** Starts while PostgreSQL is away and a file stands where the spool is to be. */
describe('a listener that starts when nothing is there', () => {
  const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'listener-'));
  const dir = join(folder, 'spool');
  let isAway = true;
  const asked = async <T>(answer: T): Promise<T> => {
    if (isAway) throw new Unavailable('PostgreSQL is away');
    return answer;
  };
  const engines = {
    own: () => asked({ id: '8000b98380000000000000000000000000', since: new Date() }),
    newlyForgotten: () => asked([]),
    heard: () => asked([]),
    keep: () => asked(undefined),
  };
  const listener = new TrapListener(
    { snmp: () => asked([]) } as unknown as Sources,
    {} as AlertIngest,
    { refresh: () => asked(undefined) } as unknown as Mibs,
    { flush: () => asked(undefined) } as unknown as Refusals,
    engines as unknown as EngineStore,
    {} as Database,
    {
      embedded: false,
      trap: { host: '127.0.0.1', port: 0 },
      spool: { dir, maxBytes: 1_000_000 },
    } as Config,
    { now: () => new Date() },
  );

  afterAll(async () => {
    await listener.beforeApplicationShutdown();
    rmSync(folder, { recursive: true });
  });

  const until = async (claim: () => Promise<boolean> | boolean) => {
    const end = performance.now() + 20_000;
    while (!(await claim())) {
      expect(performance.now()).toBeLessThan(end);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };

  it('says so, and has both as soon as they are there', async () => {
    writeFileSync(dir, 'no folder');
    await listener.onApplicationBootstrap();
    await expect(listener.ableToSpool()).rejects.toThrow(/^MONSCALE_SPOOL_DIR can't be used: .*spool/);
    expect(listener.sourcesProblem()).toBe('PostgreSQL is away');
    rmSync(dir);
    await until(() =>
      listener.ableToSpool().then(
        () => true,
        () => false,
      ),
    );
    isAway = false;
    await until(() => listener.sourcesProblem() === undefined);
    isAway = true;
    await new Promise((resolve) => setTimeout(resolve, 2_200));
    // Those that are known count until there are others.
    expect(listener.sourcesProblem()).toBeUndefined();
  }, 20_000);
});
