import { SharedRun } from './shared-run';

describe('a shared run', () => {
  const steps: (() => void)[] = [];
  const fails: ((error: Error) => void)[] = [];
  let begun = 0;
  const shared = new SharedRun(() => {
    begun += 1;
    return new Promise((resolve, reject) => {
      steps.push(resolve);
      fails.push(reject);
    });
  });
  const turn = () => new Promise(setImmediate);

  beforeEach(() => {
    begun = 0;
    steps.length = fails.length = 0;
  });

  it('serves all who asked before it began, and those who asked later get one of their own', async () => {
    const first = [shared.run(), shared.run()];
    await turn();
    const later = [shared.run(), shared.run()];
    await turn();
    expect(begun).toBe(1);
    steps[0]!();
    await Promise.all(first);
    await turn();
    expect(begun).toBe(2);
    steps[1]!();
    await Promise.all(later);
    expect(begun).toBe(2);
  });

  it('that fails fails for those who asked for it, and the next one is made all the same', async () => {
    const first = shared.run();
    await turn();
    const later = shared.run();
    fails[0]!(new Error('away'));
    await expect(first).rejects.toThrow('away');
    await turn();
    steps[1]!();
    await later;
    expect(begun).toBe(2);
  });
});
