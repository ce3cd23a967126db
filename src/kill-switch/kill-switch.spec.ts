import { openTestDatabase } from '../../test/databases';
import { ALL_RIGHTS, runAs, type Caller } from '../common/caller';
import { readConfig } from '../config/config';
import type { Database } from '../database/database';
import { KillSwitch } from './kill-switch';

/** A person whose name is that of what may hold it, too. */
const ENVIRONMENT: Caller = { actor: 'environment', via: 'session', address: '', grants: ALL_RIGHTS };

describe('what holds the kill switch', () => {
  let database: Database;
  let end: () => Promise<void>;
  beforeAll(async () => void ({ database, end } = await openTestDatabase()));
  afterAll(() => end());

  const switchWith = (killSwitch: boolean) =>
    new KillSwitch(database, { ...readConfig({}), killSwitch }, { now: () => new Date() });

  it('is told apart from a person of its name', async () => {
    const killSwitch = switchWith(false);
    expect(await killSwitch.show()).toEqual({ on: false });
    const on = await runAs(ENVIRONMENT, () => killSwitch.set(true, 'a test'));
    expect(on).toMatchObject({ on: true, heldBy: 'api', by: 'environment', reason: 'a test' });
    // The environment goes before whoever turned it on.
    expect(await switchWith(true).show()).toMatchObject({
      on: true,
      heldBy: 'environment',
      by: 'environment',
    });
    expect(await killSwitch.set(false, '')).not.toHaveProperty('heldBy');
    expect(await switchWith(true).show()).toMatchObject({ on: true, heldBy: 'environment' });
  });
});
