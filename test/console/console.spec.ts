/** The console in a real browser, against the real program: as people find things, by roles and names. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Browser, Page } from 'playwright-core';
import { recordsOf, replay, type BacktestRule } from '../../src/console/web/backtest/replay';
import { backtestRule } from '../../src/console/web/backtest/rule';
import { until, World, type MonscaleProcess } from '../program';
import { WebhookSink } from '../stand-ins/webhook-sink';
import { TYPES, typesOf } from './api-types';
import { hasBrowser, signIn, startBrowser, Window } from './browser';
import { violationsOf, wrongWith } from './check';
import { OUTSIDE } from './pages';
import { anyRule, recordedService } from './recorded';
import { PASSWORD } from './things';

const BUILT = join(__dirname, '..', '..', 'dist', 'console');
const KB = 1_000;
const HTML = { Accept: 'text/html,application/xhtml+xml' };

describe('the console', () => {
  const sink = new WebhookSink();
  let world: World;
  let program: MonscaleProcess;
  let sinkUrl: string;
  let triggers = 0;

  beforeAll(async () => {
    sinkUrl = await sink.start();
    world = await World.create();
    program = await world.start();
  });

  afterAll(async () => {
    await world.end();
    await sink.stop();
  });

  describe('as it is served', () => {
    const open = (path: string, headers: Record<string, string> = HTML) =>
      fetch(`${program.url}${path}`, { headers, redirect: 'manual' });

    it('is small enough: 280 kB of scripts and 25 kB of styles at first, 460 kB of scripts in all', async () => {
      const size = (name: string) => statSync(join(BUILT, 'assets', `${name}.gz`)).size;
      const page = readFileSync(join(BUILT, 'index.html'), 'utf8');
      const first = [...page.matchAll(/assets\/([\w.-]+\.(?:js|css))/g)].map(([, name]) => name!);
      const all = readdirSync(join(BUILT, 'assets'));
      const sum = (names: string[], ending: string) =>
        names.filter((name) => name.endsWith(ending)).reduce((total, name) => total + size(name), 0);
      expect(first.length).toBeGreaterThan(1);
      expect(sum(first, '.js')).toBeLessThan(280 * KB);
      expect(sum(first, '.css')).toBeLessThan(25 * KB);
      expect(sum(all, '.js')).toBeLessThan(460 * KB);
    });

    it('has the styles of each component of the kit that it has the script of, and not of all others', () => {
      const read = (ending: string) =>
        readdirSync(join(BUILT, 'assets'))
          .filter((name) => name.endsWith(ending))
          .map((name) => readFileSync(join(BUILT, 'assets', name), 'utf8'))
          .join('\n');
      const classesIn = (text: string) => new Set(text.match(/\bm_[0-9a-f]{6,8}\b/g));
      const kit = classesIn(readFileSync(require.resolve('@mantine/core/styles.css'), 'utf8'));
      const [styled, used] = [classesIn(read('.css')), classesIn(read('.js'))];
      expect(used.size).toBeGreaterThan(50);
      expect([...used].filter((one) => kit.has(one) && !styled.has(one))).toEqual([]);
      expect(styled.size).toBeLessThan(kit.size / 2);
    });

    it.each([
      '/',
      '/login',
      '/services/%22%3Cb%3E%22',
      '/services/new',
      '/nothing/here',
      '/apis',
      '/dockets',
    ])('answers a person at %s with the page, which runs its own scripts alone', async (path) => {
      const answer = await open(path);
      const { headers } = answer;
      expect([answer.status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
      expect(headers.get('cache-control')).toBe('no-cache');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('same-origin');
      const policy = headers.get('content-security-policy')!;
      expect(policy).toContain("script-src 'self';");
      expect(policy).toMatch(/object-src 'none'.*frame-ancestors 'none'/);
      const page = await answer.text();
      expect(page).toContain('<base href="/" />');
      expect(page.match(/<script(?![^>]* src="\.\/assets\/)/g)).toBeNull();
    });

    it.each([
      ['/api/v1/nothing', HTML, 404],
      ['/api', HTML, 404],
      ['/assets/index-gone.js', HTML, 404],
      ['/assets/../index.html', { Accept: '*/*' }, 404],
      ['/assets/%2e%2e%2findex.html', HTML, 404],
      ['/trap', HTML, 405],
      ['/docs/nothing', HTML, 404],
      ['/health/nothing', HTML, 404],
      ['/metrics/nothing', HTML, 404],
      ['/auth/nothing', HTML, 404],
      ['/services', { Accept: 'application/json' }, 404],
      ['/services', { Accept: '*/*' }, 404],
    ])('answers no page at %s for %j', async (path, headers, status) => {
      const answer = await open(path, headers);
      expect([answer.status, answer.headers.get('content-type')]).toEqual([
        status,
        expect.stringMatching(/^application\/problem\+json/),
      ]);
    });

    it('lets browsers keep assets for good, compressed as they take it', async () => {
      const name = readdirSync(join(BUILT, 'assets')).find((one) => /^index-.*\.js$/.test(one))!;
      const plain = readFileSync(join(BUILT, 'assets', name), 'utf8');
      for (const [accepted, encoding] of [
        ['gzip, deflate, br', 'br'],
        ['gzip', 'gzip'],
        ['br;q=0, gzip;q=0.5', 'gzip'],
        ['identity', null],
      ] as const) {
        const answer = await open(`/assets/${name}`, { 'Accept-Encoding': accepted });
        expect(answer.headers.get('content-encoding')).toBe(encoding);
        expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
        expect(answer.headers.get('vary')).toBe('Accept-Encoding');
        // fetch inflates it.
        expect((await answer.text()) === plain).toBe(true);
      }
    });

    it('knows the API as it is: else `npm run api:types`', async () => {
      const { body } = await program.root.get('/docs-json');
      expect((await typesOf(body as object)) === readFileSync(TYPES, 'utf8')).toBe(true);
    });
  });

  (hasBrowser() ? describe : describe.skip)('in a browser', () => {
    let browser: Browser;
    let window: Window;
    let page: Page;

    beforeAll(async () => {
      browser = await startBrowser();
      window = await Window.open(browser, program.url);
      page = window.page;
    });
    afterAll(() => browser.close());

    const heading = (name: string) => page.getByRole('heading', { level: 1, name, exact: true });

    /** One story after the other: each begins where the one before has ended. */
    it('leads from the setup URL to a first rule that has called a webhook', async () => {
      await page.goto(await until(() => /\S+\/setup\?token=\S+/.exec(program.output)?.[0], 10_000));
      await heading('Set up monscale').waitFor();
      await page.getByLabel('Username').fill('anna');
      await page.getByLabel('Password', { exact: true }).fill('short');
      await page.getByRole('button', { name: 'Set up' }).click();
      const password = page.getByLabel('Password', { exact: true });
      await until(async () => (await password.getAttribute('aria-invalid')) === 'true', 10_000);
      const described = (await password.getAttribute('aria-describedby'))!
        .split(' ')
        .filter((id) => id !== '');
      const words = await Promise.all(described.map((id) => page.locator(`[id="${id}"]`).textContent()));
      expect(words.join(' ')).toContain('at least 12 characters');
      expect(await password.evaluate((input) => input === input.ownerDocument.activeElement)).toBe(true);
      await password.fill(PASSWORD);
      await page.getByRole('button', { name: 'Set up' }).click();

      await heading('Overview').waitFor();
      expect(new URL(page.url()).pathname).toBe('/');
      await page.getByRole('link', { name: 'New service' }).click();
      await heading('New service').waitFor();
      await page.getByLabel('Name', { exact: true }).fill('demo');
      await page.getByLabel('Interval', { exact: true }).fill('1');
      await page.getByLabel('Variable').fill('jobs');
      await page.getByLabel('Type', { exact: true }).selectOption({ label: 'Fixed number' });
      await page.getByLabel('Value', { exact: true }).fill('7');
      await page.getByRole('button', { name: 'Try' }).click();
      await page.getByText('It is 7, read in').waitFor();
      await page.getByLabel('Condition', { exact: true }).fill('jobs > > 5');
      await page.getByLabel('Wisdom time', { exact: true }).fill('3600');

      await page.getByRole('button', { name: 'New action' }).click();
      const dialog = page.getByRole('dialog', { name: 'New action' });
      await dialog.getByLabel('Name', { exact: true }).fill('tell');
      await dialog.getByLabel('Type', { exact: true }).selectOption({ label: 'Webhook' });
      await dialog.getByLabel('URL', { exact: true }).fill(`${sinkUrl}/first`);
      await dialog.getByRole('button', { name: 'Save action' }).click();
      await dialog.waitFor({ state: 'detached' });

      await page.getByRole('button', { name: 'Save', exact: true }).click();
      const condition = page.getByLabel('Condition', { exact: true });
      await until(async () => (await condition.getAttribute('aria-invalid')) === 'true', 10_000);
      expect(await page.getByRole('alert').textContent()).toMatch(/column \d+/);
      await condition.fill('jobs > 5');
      await page.getByRole('button', { name: 'Save', exact: true }).click();

      await heading('demo').waitFor();
      await until(() => sink.requests.some(({ path }) => path === '/first'), 20_000);
      await page.getByRole('table').getByText('succeeded').first().waitFor();
      await page.getByText('jobs is 7, over 5').first().waitFor();
    }, 120_000);

    it.each(['/', '/services'])(
      'asks for what %s shows before it knows who is signed in, and for nothing twice',
      async (path) => {
        const other = await page.context().newPage();
        const asked: string[] = [];
        const isList = (one: string) => one.startsWith('/services?');
        // The session is told of once the list has been asked for; the list is never answered, and so is not due again.
        await other.route('**/api/v1/**', async (route) => {
          const one = route
            .request()
            .url()
            .replace(/^.*\/api\/v1/, '');
          asked.push(one);
          if (one === '/session') await until(() => asked.some(isList), 10_000);
          if (one === '/session' || one === '/services/counts') await route.continue();
        });
        await other.goto(path);
        await until(() => asked.includes('/kill-switch'), 20_000);
        const twice = asked.filter((one, index) => asked.indexOf(one) < index);
        // What is answered is due again after a while.
        expect(twice.filter((one) => one !== '/services/counts')).toEqual([]);
        expect(asked.filter(isList)).toHaveLength(1);
        await other.close();
      },
      60_000,
    );

    it('asks for nothing that needs a session where nobody was signed in', async () => {
      const other = await Window.open(browser, program.url);
      const asked: string[] = [];
      other.page.on('request', (request) => {
        const [, path] = /\/api\/v1(\/.*)$/.exec(request.url()) ?? [];
        if (path !== undefined) asked.push(path);
      });
      await other.page.goto('/services');
      await other.page.getByLabel('Username').waitFor();
      expect(asked).toEqual(['/session', '/setup']);
      await other.context.close();
    });

    it('shows a person who is not signed in the way in, and leads back to where it was wanted to go', async () => {
      const other = await Window.open(browser, program.url);
      for (const [path, name] of OUTSIDE) expect(await wrongWith(other.page, path, name)).toEqual([]);
      expect(other.faults).toEqual([]);
      await other.page.goto('/services?phase=alarm');
      await other.page.waitForURL(/\/login\?returnTo=/);
      await signIn(other.page, 'anna', 'not the password');
      await other.page.getByRole('alert').waitFor();
      await signIn(other.page, 'anna', PASSWORD);
      await other.page.waitForURL('**/services?phase=alarm');
      await other.page.goto('/login?returnTo=https://example.org/');
      await signIn(other.page, 'anna', PASSWORD);
      await other.page.waitForURL(`${program.url}/`);
      await other.context.close();
    }, 120_000);

    it('keeps what is typed when the session ends, for one to sign in over it and save', async () => {
      await page.goto('/services/demo/edit');
      await page.getByLabel('Description').fill('typed before the session ended');
      await world.rows('DELETE FROM sessions');
      const dialog = page.getByRole('dialog', { name: 'Your session has ended' });
      await dialog.waitFor();
      await dialog.getByLabel('Username').fill('anna');
      await dialog.getByLabel('Password', { exact: true }).fill(PASSWORD);
      await dialog.getByRole('button', { name: 'Sign in' }).click();
      await dialog.waitFor({ state: 'detached' });
      expect(new URL(page.url()).pathname).toBe('/services/demo/edit');
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await page.waitForURL('**/services/demo');
      expect((await program.api.get('/services/demo')).body.description).toBe(
        'typed before the session ended',
      );
    }, 60_000);

    it('tells whose change a save would undo', async () => {
      // What is read again then is not what is in the form.
      const streamOpens = page.waitForResponse('**/api/v1/events');
      await page.goto('/services/demo/edit');
      await page.getByLabel('Description').fill('mine');
      await program.api.patch('/services/demo', { holdSeconds: 3 });
      await streamOpens;
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      const row = page.getByRole('alert').getByRole('row', { name: /holdSeconds/ });
      await row.waitFor();
      await page.getByRole('button', { name: /^Keep mine/ }).click();
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await page.waitForURL('**/services/demo');
      const { body } = await program.api.get('/services/demo');
      expect([body.description, body.holdSeconds]).toEqual(['mine', 0]);
    }, 60_000);

    it('sends a form once, however fast it is tapped', async () => {
      await page.goto('/services/demo/edit');
      await page.getByLabel('Description').fill('tapped twice');
      let sent = 0;
      await page.route('**/api/v1/services/*', async (route) => {
        if (route.request().method() !== 'GET') sent++;
        await route.continue();
      });
      await page.getByRole('button', { name: 'Save', exact: true }).dblclick();
      await page.waitForURL('**/services/demo');
      await page.unroute('**/api/v1/services/*');
      expect(sent).toBe(1);
      expect((await program.api.get('/services/demo')).body.description).toBe('tapped twice');
    }, 60_000);

    it('goes without a mouse: palette, search, rows, menus', async () => {
      await page.goto('/services');
      await page.getByRole('link', { name: 'demo', exact: true }).waitFor();
      await page.keyboard.press('/');
      await page.keyboard.type('dem');
      await page.waitForURL('**/services?search=dem');
      await page.keyboard.press('Tab');
      await page.keyboard.press('j');
      await page.keyboard.press('Enter');
      await heading('demo').waitFor();
      await page.keyboard.press('Control+k');
      await page.getByRole('dialog').waitFor();
      await page.keyboard.type('overv');
      await page.getByRole('option', { name: /Overview/ }).waitFor();
      await page.keyboard.press('Enter');
      await heading('Overview').waitFor();
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.getByRole('button', { name: 'Theme' }).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('menuitemradio', { name: 'Dark' }).waitFor();
      expect(await violationsOf(page)).toEqual([]);
      await page.getByRole('menuitemradio', { name: 'Dark' }).focus();
      await page.keyboard.press('Enter');
      const html = page.locator('html');
      await until(async () => (await html.getAttribute('data-mantine-color-scheme')) === 'dark', 5_000);
      await page.getByRole('button', { name: 'Time zone' }).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('menuitemradio', { name: 'UTC' }).waitFor();
      await page.getByRole('menuitemradio', { name: 'UTC' }).focus();
      await page.keyboard.press('Enter');
      await page
        .getByText(/\d\d:\d\d:\d\d UTC/)
        .first()
        .waitFor();
    }, 60_000);

    it('says on every page that everything is stopped, and who may resumes', async () => {
      await page.goto('/services');
      await heading('Services').waitFor();
      await page.getByRole('button', { name: 'Stop everything' }).click();
      await page.getByLabel('Reason').fill('"quoted" <b>');
      await page.getByRole('dialog').getByRole('button', { name: 'Stop everything' }).click();
      for (const [path, name] of [
        ['/', 'Overview'],
        ['/services/demo/edit', 'demo'],
        ['/approvals', 'Approvals'],
      ] as const) {
        await page.goto(path);
        await heading(name).waitFor();
        await page.getByText('Everything is stopped').waitFor();
        await page.getByText('Reason: "quoted" <b>').waitFor();
      }
      await page.getByRole('button', { name: 'Resume' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Resume' }).click();
      await page.getByText('Everything is stopped').waitFor({ state: 'detached' });
    }, 120_000);

    it('works below a path, whether a proxy leaves it on or takes it off', async () => {
      const below = await world.start('api', {
        env: { MONSCALE_PUBLIC_URL: 'http://monscale.example/tools/m' },
      });
      const other = await Window.open(browser, below.url);
      await other.page.goto('/tools/m/services');
      await other.page.waitForURL(/\/tools\/m\/login\?returnTo=/);
      other.faults.length = 0;
      await signIn(other.page, 'anna', PASSWORD);
      await other.page.waitForURL('**/tools/m/services');
      await other.page.getByRole('link', { name: 'demo', exact: true }).click();
      await other.page.waitForURL('**/tools/m/services/demo');
      await other.page.reload();
      await other.page.getByRole('heading', { level: 1, name: 'demo' }).waitFor();
      expect(other.faults).toEqual([]);
      expect((await below.root.get('/api/v1/services/demo')).status).toBe(200);
      await other.context.close();
      await below.stop();
    }, 60_000);
  });

  // Last: the first story begins where there is no service.
  it('replays rules over what was recorded as the server does', async () => {
    const recorded = await recordedService(program, world);
    await fc.assert(
      fc.asyncProperty(anyRule, async (rule) => {
        const definition = { ...recorded.definition, ...rule };
        const { from, to } = recorded.recording;
        const span = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
        const { status, body } = await program.api.post('/simulations', { service: definition, ...span });
        expect([status, body.errors]).toEqual([200, undefined]);
        const mine = await replay(
          backtestRule(definition, undefined) as BacktestRule,
          recorded.recording,
          recordsOf(recorded.recording),
        );
        expect({ triggers: mine.triggers, summary: mine.summary }).toEqual({
          triggers: (body.triggers as { at: string }[]).map(({ at }) => Date.parse(at)),
          summary: body.summary as object,
        });
        triggers += mine.triggers.length;
      }),
      { numRuns: 60 },
    );
    // What never triggers would be alike, too.
    expect(triggers).toBeGreaterThan(50);
  }, 60_000);
});
