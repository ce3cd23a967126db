/** Every reason there is, as a service's page shows it: why, what would have to change, and where the ledger says so. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { REASONS } from '../../src/engine/types';
import { secret, until, World, type MonscaleProcess } from '../program';
import { hasBrowser, signIn, startBrowser, Window } from './browser';
import { CASES, isSo, LASTING, makeLasting, makeStopped, STOPPED, UNSEEN, type ReasonCase } from './reasons';

const PASSWORD = secret('a password of the specs of reasons');
const DOCS = join(__dirname, '..', '..', 'docs', 'rules.md');
const LOADS_MS = 20_000;
const WORDS: Record<string, string> = { ok: 'OK', pending: 'Pending', alarm: 'Alarm', unknown: 'Unknown' };

/** Phases and reasons of the table in the docs: `alarm wisdom`. */
function documented(): string[] {
  const [, section = ''] = readFileSync(DOCS, 'utf8').split(/^## Phases and reasons$/m);
  const [table = ''] = section.split(/^(?![|\n])/m, 1);
  return [...table.matchAll(/^\| `(\w+)` +\| ([^|]+)\|/gm)].flatMap(([, phase, reasons]) =>
    [...reasons!.matchAll(/`(\w+)`/g)].map(([, reason]) => `${phase} ${reason}`),
  );
}

describe('reasons', () => {
  test('those of the docs are those there are, and each has a case here', () => {
    const pairs = documented();
    expect([...new Set(pairs.map((pair) => pair.split(' ')[1]))].sort()).toEqual([...REASONS].sort());
    expect(CASES.map(({ phase, reason }) => `${phase} ${reason}`).sort()).toEqual([...pairs].sort());
  });

  (hasBrowser() ? describe : describe.skip)('in a browser', () => {
    let world: World;
    let program: MonscaleProcess;
    let worker: MonscaleProcess;
    let browser: Browser;
    let page: Page;
    let window: Window;

    beforeAll(async () => {
      world = await World.create();
      [program, worker] = await Promise.all([world.start('api,scheduler'), world.start('worker')]);
      await program.api.create('/users', { name: 'anna', password: PASSWORD });
      await program.api.create('/grants', { subject: { user: 'anna' }, role: 'admin', approve: true });
      browser = await startBrowser();
      window = await Window.open(browser, program.url);
      page = window.page;
      page.setDefaultTimeout(LOADS_MS);
      await page.goto('/login');
      await Promise.all([signIn(page, 'anna', PASSWORD), makeLasting(program)]);
      await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    }, 180_000);

    afterAll(async () => {
      await browser?.close();
      await world?.end();
    });

    const words = (reason: string) => reason.replaceAll('_', ' ');

    /** Opens a service's page and looks for all that it has to say of why it is as it is. */
    async function look(one: ReasonCase): Promise<void> {
      const { service, phase, reason, sentence, toChange, toChangeIs = 'For it to trigger:', also } = one;
      await page.goto(`/services/${service}`);
      const why = page.getByRole('region', { name: 'Why' });
      await why.getByText(`reason: ${words(reason)}`).waitFor();
      await why.getByRole('paragraph').filter({ hasText: sentence }).waitFor();
      await why.getByText(toChangeIs).getByRole('listitem').filter({ hasText: toChange }).waitFor();
      if (also !== undefined) await until(async () => also.test((await why.textContent())!), 10_000);
      const decisions = page.getByRole('region', { name: 'Decisions' });
      const row = decisions.getByRole('row').nth(1);
      await row.getByRole('cell', { name: WORDS[phase]!, exact: true }).waitFor();
      await row.getByRole('cell', { name: words(reason), exact: true }).waitFor();
      await decisions
        .getByRole('img', { name: new RegExp(`, ${phase} now: ${words(reason)}$`) })
        .locator('title')
        .filter({ hasText: `${phase}, ${words(reason)}: ` })
        .first()
        .waitFor({ state: 'attached' });
    }

    test.each(LASTING.map((one) => [one.phase, one.reason, one] as const))(
      '%s, %s is told on the page of its service',
      (_phase, _reason, one) => look(one),
    );

    test('alarm, kill_switch is told, while everything is stopped', async () => {
      await makeStopped(program);
      await look(STOPPED);
    });

    test('unknown, not_polled is told once no worker looks any more', async () => {
      await worker.stop();
      await isSo(program.api, UNSEEN);
      await look(UNSEEN);
      expect(window.faults).toEqual([]);
    });
  });
});
