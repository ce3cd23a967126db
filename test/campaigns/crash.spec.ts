import { crashCampaign, onTestServers } from './crash';

/** The full campaign, which kills PostgreSQL and Redis as well: `npm run campaign crash`. */
it('a program that is killed goes on where it was: nothing lost, nothing twice, nothing early', async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  const reports = await crashCampaign(3, seed, onTestServers, () => undefined, 3);
  // The seed is shown when it fails: SEED=… plays the same moments again.
  expect({ seed, reports }).toEqual({
    seed,
    reports: reports.map((report) => ({ ...report, violations: [] })),
  });
  expect(reports.every(({ triggers, executions }) => triggers > 10 && executions === 2 * triggers)).toBe(
    true,
  );
}, 120_000);
