import { restoreCampaign, type RestoreReport } from './campaigns/restore';
import { needs } from './needs';
import { postgresFolder } from './stand-ins/installed-postgres';

const isThere = needs("Debian's PostgreSQL", postgresFolder() !== undefined, 'postgresql');

/** With the table that it prints: `npm run campaign restore`. */
(isThere ? describe : describe.skip)('a backup of a living installation, restored elsewhere', () => {
  let report: RestoreReport;

  beforeAll(async () => {
    report = await restoreCampaign();
  }, 180_000);

  it('does nothing again by itself: all that was open is held', () => {
    expect(report.violations).toEqual([]);
    expect(
      report.fates.map(({ service, was, restored, calls }) => [service, was, restored, calls[1]]),
    ).toEqual([
      ['busy', 'queued', 'held', 0],
      ['slow', 'running', 'held', 0],
      ['slow-once', 'running', 'held', 0],
      ['slow-resolved', 'running', 'held', 0],
      ['scaled', 'waiting', 'held', 0],
      ['asked', 'awaiting_approval', 'held', 0],
    ]);
  });

  it('says so, in the log and by a dry run that names each', () => {
    expect(report.told).toMatch(/restored from a backup of .* \(its cluster has the system identifier \d+/);
    expect(report.told).toContain('1 awaiting_approval, 1 queued, 3 running, 1 waiting; 10 services');
    expect(report.dryRun).toMatch(/^8 are held; of them would go on 8:/);
    for (const service of ['busy', 'slow-once', 'scaled', 'asked', 'pending', 'lasting'])
      expect(report.dryRun).toMatch(new RegExp(`for ${service}, of .*, was `));
  });

  it('goes on with what a person lets go on, each as it was, and ends what a person resolves', () => {
    expect(report.fates.map(({ service, ended, calls }) => [service, ended, calls[2]])).toEqual([
      ['busy', 'succeeded', 1],
      // Sent again with its key, which its target knows.
      ['slow', 'succeeded', 1],
      ['slow-once', 'unknown', 0],
      ['slow-resolved', 'succeeded', 0],
      ['scaled', 'succeeded', 0],
      ['asked', 'awaiting_approval', 0],
    ]);
    expect(report.resumed.code).toBe(0);
  });

  it('acts on what is new, and holds what old alerts trigger', () => {
    expect(report.fresh).toBe(1);
    const { pending, lasting } = report.byOldAlerts;
    expect(pending).toEqual(['held']);
    // One of those that it triggers while it lasts; the earlier ones are given up.
    expect(lasting!.filter((status) => status === 'held')).toEqual(['held']);
    expect(new Set(lasting)).toEqual(new Set(['succeeded', 'cancelled', 'held']));
  });

  it('counts no hold through the gap, which the ledger tells', () => {
    const { hold, ledger, backupAt } = report;
    // 8 s in all, less what was seen before; readings are a second apart.
    expect(hold.seen + hold.toGo).toBeGreaterThanOrEqual(7);
    expect(hold.toGo).toBeGreaterThan(3);
    const gap = ledger.find(({ reason }) => reason === 'not_polled')!;
    expect(gap).toMatchObject({ phase: 'unknown', explanation: expect.stringContaining('restored') });
    expect(Math.abs(Date.parse(gap.from) - backupAt)).toBeLessThan(15_000);
    expect(Date.parse(gap.to!)).toBeGreaterThan(backupAt);
  });
});
