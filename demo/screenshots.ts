/** `npm run screenshots`: pictures of the console for README and docs, of the demo. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { signIn, startBrowser, Window } from '../test/console/browser';
import { testPort } from '../test/ports';
import { Demo } from './demo';

const FOLDER = join(__dirname, '..', 'docs', 'pictures');
/** By then the shop has scaled, and everything else has happened once. */
const ALIVE_MS = 150_000;
const SETTLED_MS = 1_500;
/** A machine that takes pictures may be slow. */
const PATIENCE_MS = 90_000;

const DESK = { width: 1_280, height: 860 };
const TELEPHONE = { width: 360, height: 780 };

interface Picture {
  name: string;
  path: string;
  dark?: boolean;
  phone?: boolean;
  /** Of the window, where all of it should be seen. */
  height?: number;
  /** Done before it is taken. */
  first?: (page: Page) => Promise<void>;
}

const PICTURES: readonly Picture[] = [
  { name: 'overview', path: '/' },
  { name: 'overview-dark', path: '/', dark: true },
  { name: 'services', path: '/services' },
  { name: 'service', path: '/services/shop is short of nodes' },
  { name: 'editor', path: '/services/switch 1 too warm/edit', first: moveThreshold },
  { name: 'infrastructure', path: '/infrastructures/shop' },
  { name: 'silences', path: '/silences', height: 1_060 },
  { name: 'silence', path: '/silences/new?label=team%3Dnetwork', first: fillSilence, height: 1_000 },
  { name: 'silence-service', path: '/services/a disk is full', first: silence },
  { name: 'services-phone', path: '/services', phone: true },
  { name: 'contact', path: '/contacts/web team', height: 1_000 },
  { name: 'executions', path: '/executions' },
  { name: 'approvals', path: '/approvals', phone: true, dark: true, height: 1_000 },
  { name: 'acknowledge', path: '/services/night report is late', phone: true, first: acknowledge },
  { name: 'alerts', path: '/alerts' },
  { name: 'people', path: '/people' },
  { name: 'import', path: '/import', first: plan },
  { name: 'system', path: '/system', dark: true },
];

async function moveThreshold(page: Page): Promise<void> {
  await page.getByLabel('Threshold of degrees').fill('72000');
  await page.getByRole('row', { name: /^Edited/ }).waitFor();
}

async function fillSilence(page: Page): Promise<void> {
  await page.getByLabel('Reason', { exact: true }).fill('The racks are moved');
  await page.getByRole('button', { name: '7 days' }).click();
  await page.getByRole('button', { name: 'Repeat within that time' }).click();
  await page.getByLabel('Rrule').fill('FREQ=DAILY;BYHOUR=3;BYMINUTE=15');
  await page.getByLabel('Preview').getByRole('listitem').nth(8).waitFor();
}

async function silence(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Silence', exact: true }).click();
  await page.getByText('It covers 1 service now').waitFor();
}

async function acknowledge(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Acknowledge', exact: true }).click();
  await page.getByRole('dialog').getByLabel('Note').fill('The database team knows');
}

async function plan(page: Page): Promise<void> {
  await page
    .getByLabel('Document')
    .fill(
      'monscale: 1\nactions:\n  - name: page the database team\n    type: webhook\n    params: { url: "https://pager.example.com/db" }\n',
    );
  await page.getByRole('button', { name: 'Show the plan' }).click();
  await page.getByRole('button', { name: /^Import 1/ }).waitFor();
}

/** Signs in once and returns what the browser keeps of it. */
async function signedIn(browser: Browser, demo: Demo) {
  const { context, page } = await Window.open(browser, demo.url);
  context.setDefaultTimeout(PATIENCE_MS);
  await page.goto('/login');
  await signIn(page, demo.username, demo.password);
  await page.waitForURL((url) => !url.pathname.endsWith('/login'));
  const { cookies } = await context.storageState();
  await context.close();
  return cookies;
}

type Cookies = Awaited<ReturnType<typeof signedIn>>;

async function take(browser: Browser, demo: Demo, cookies: Cookies, picture: Picture): Promise<void> {
  const { name, path, dark, phone, height, first } = picture;
  const size = { ...(phone === true ? TELEPHONE : DESK), ...(height === undefined ? {} : { height }) };
  const { context, page } = await Window.open(browser, demo.url, { ...size, dark });
  context.setDefaultTimeout(PATIENCE_MS);
  await context.addCookies(cookies);
  await page.goto(path);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await allThere(page);
  await first?.(page);
  await allThere(page);
  await sleep(SETTLED_MS);
  await page.screenshot({ path: join(FOLDER, `${name}.png`) });
  await context.close();
}

/** Waits until nothing is being loaded. */
async function allThere(page: Page): Promise<void> {
  await sleep(SETTLED_MS);
  await page.getByText('Loading…').first().waitFor({ state: 'detached' });
}

/** Has a picture in 64 colours, a third of its size: what is text and lines needs no more. */
function shrink(name: string): void {
  const path = join(FOLDER, `${name}.png`);
  const { status, error, stderr } = spawnSync(
    'pngquant',
    ['--force', '--strip', '--speed', '1', '--nofs', '--output', path, '64', path],
    { encoding: 'utf8' },
  );
  if (error !== undefined)
    throw new Error('pngquant makes pictures small: apt-get install pngquant', { cause: error });
  if (status !== 0) throw new Error(`pngquant cannot shrink ${path}: ${stderr}`);
}

async function main(): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  const only = process.argv.slice(2);
  const wanted = PICTURES.filter(({ name }) => only.length === 0 || only.includes(name));
  const demo = await Demo.start(await testPort());
  const browser = await startBrowser();
  try {
    await sleep(ALIVE_MS);
    const cookies = await signedIn(browser, demo);
    for (const picture of wanted) {
      await take(browser, demo, cookies, picture);
      shrink(picture.name);
    }
  } finally {
    await browser.close();
    await demo.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
