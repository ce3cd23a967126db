import { fuzzCampaign } from './fuzz';

/** The full campaign: `npm run campaign fuzz -- --seconds 3600`. */
it('nonsense, by whatever way it comes, is refused or taken, and ends nothing', async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  const { violations, requests, datagrams, statuses } = await fuzzCampaign(5, seed);
  // The seed is shown when it fails: SEED=… sends the same again.
  expect({ seed, violations }).toEqual({ seed, violations: [] });
  expect(Math.min(requests, datagrams)).toBeGreaterThan(10);
  expect(Object.keys(statuses)).toEqual(expect.arrayContaining(['202', '400']));
}, 90_000);
