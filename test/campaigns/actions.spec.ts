import { actionsCampaign, STEPS } from './actions';

/** The full campaign: `npm run campaign actions -- --rounds 200`. */
it('a worker that dies at any step of an execution leaves nothing undone, and nothing done twice', async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  const reports = await actionsCampaign(STEPS.length, seed, () => undefined);
  // The seed is shown when it fails: SEED=… plays the same rounds again.
  expect({ seed, reports }).toEqual({
    seed,
    reports: reports.map((report) => ({ ...report, violations: [] })),
  });
  expect(reports.map(({ step }) => step)).toEqual(STEPS);
}, 180_000);
