/** A page that is open while things happen: what changes is seen soon, and nothing moves under the pointer or in a form. */
import type { Browser, Locator, Page } from 'playwright-core';
import { MonscaleProcess, secret, World } from '../program';
import { testPort } from '../ports';
import { hasBrowser, signIn, startBrowser, Window } from './browser';

const PASSWORD = secret('a password of the specs of what is live');
/** Two seconds, as long as a busy machine may make them. */
const SOON = { timeout: 6_000 };
const STALE = { timeout: 60_000 };

(hasBrowser() ? describe : describe.skip)('an open page', () => {
  let world: World;
  let port: number;
  let api: MonscaleProcess;
  let browser: Browser;
  let page: Page;

  const startApi = () => {
    const { databaseUrl, redisUrl } = world;
    api = new MonscaleProcess({ roles: 'api', databaseUrl, redisUrl }, port);
    world.processes.push(api);
    return api.ready();
  };
  /** A service that no test before the last has brought into alarm. */
  let untouched = 'c';
  const alerted = (name: string, more: object = {}) => ({
    name,
    metrics: { load: { type: 'alert', params: { match: { service: name } } } },
    condition: 'load > 5',
    wisdomSeconds: 3_600,
    ...more,
  });
  const tell = (service: string, value: number) =>
    api.api.post('/alerts', {
      labels: { alertname: `Load of ${service}`, service },
      dedupKey: service,
      value,
    });

  beforeAll(async () => {
    world = await World.create();
    port = await testPort();
    await Promise.all([startApi(), world.start('scheduler,worker')]);
    await api.api.create('/users', { name: 'anna', password: PASSWORD });
    await api.api.create('/grants', { subject: { user: 'anna' }, role: 'admin', approve: true });
    await api.api.create('/actions', { name: 'tell', type: 'log_message', params: { message: 'acted' } });
    for (const name of ['a', 'b', 'c']) await api.api.create('/services', alerted(name));
    await api.api.create('/services', alerted('asking', { mode: 'approve', actions: ['tell'] }));
    browser = await startBrowser();
    ({ page } = await Window.open(browser, api.url));
    await page.goto('/login');
    await signIn(page, 'anna', PASSWORD);
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  }, 180_000);

  afterAll(async () => {
    await browser?.close();
    await world?.end();
  });

  const open = async (path: string, name: string) => {
    // The stream is open.
    const opened = page.waitForResponse((response) => response.url().endsWith('/api/v1/events'));
    await page.goto(path);
    await page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
    await opened;
  };
  const topOf = async (one: Locator) => (await one.boundingBox())!.y;

  test('shows a service that goes into alarm within 2 s, in its place while one points at the list', async () => {
    await open('/services', 'Services');
    const names = page.getByRole('table').locator('a[data-row]');
    await names.nth(3).waitFor();
    const before = await names.allTextContents();
    const last = before[3]!;
    if (last === 'c') untouched = 'a';
    await page.getByRole('row').nth(1).hover();
    await tell(last, 9);
    await page.getByRole('row', { name: new RegExp(`\\b${last} .*Alarm`) }).waitFor(SOON);
    expect(await names.allTextContents()).toEqual(before);
    await page.mouse.move(2, 2);
    await names.first().filter({ hasText: last }).waitFor(SOON);
  });

  test('shows an alert that comes, and what waits for a person, within 2 s', async () => {
    await open('/alerts', 'Alerts');
    await tell('asking', 9);
    await page.getByRole('table').getByText('Load of asking').first().waitFor(SOON);
    await page.getByRole('link', { name: '1 waits for you' }).waitFor(SOON);
  });

  test('moves nothing in an open form when everything is stopped, and keeps what is typed', async () => {
    await open('/services/a/edit', 'a');
    const description = page.getByLabel('Description');
    await description.fill('half a sen');
    const top = await topOf(description);
    await api.api.put('/kill-switch', { on: true, reason: 'a trial' });
    await page.getByRole('alert').filter({ hasText: 'Everything is stopped' }).waitFor(SOON);
    await tell('b', 9);
    await description.pressSequentially('tence');
    expect(await topOf(description)).toBe(top);
    expect(await description.inputValue()).toBe('half a sentence');
    expect(await description.evaluate((input) => input === input.ownerDocument.activeElement)).toBe(true);
    await api.api.put('/kill-switch', { on: false, reason: '' });
    await page.getByText('Everything is stopped').waitFor({ state: 'detached', ...SOON });
    expect(await topOf(description)).toBe(top);
  });

  test('reads again what could not be read for a moment, although nothing more is told of it', async () => {
    await open('/services/asking', 'asking');
    await page.getByText('load is 9, over 5').first().waitFor(SOON);
    let from: number | undefined;
    // Long enough that all that is told of has been.
    await page.route('**/state', (route) => {
      from ??= performance.now();
      return performance.now() - from > 4_000
        ? route.continue()
        : route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"status":503}' });
    });
    await tell('asking', 1);
    await page.getByText('reason: condition false').waitFor({ timeout: 20_000 });
    expect(from).toBeDefined();
    await page.unroute('**/state');
  });

  test('says that it is stale when the API is gone, and catches up by itself when it is back', async () => {
    await open(`/services/${untouched}`, untouched);
    await page.getByText('For it to trigger:').waitFor();
    const heading = page.getByRole('heading', { level: 1 });
    const top = await topOf(heading);
    await api.kill();
    await page.getByText(/^Stale since \d{4}-/).waitFor(STALE);
    expect(await topOf(heading)).toBe(top);
    // What was read stays.
    await page.getByText('For it to trigger:').waitFor();
    await startApi();
    await page.getByText(/^Stale since /).waitFor({ state: 'detached', ...STALE });
    await tell(untouched, 9);
    await page.getByText('load is 9, over 5').first().waitFor(STALE);
  }, 180_000);
});
