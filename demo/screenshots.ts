/** `npm run screenshots`: pictures of the console for README and docs, of the demo. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { signIn, startBrowser, Window } from '../test/console/browser';
import { testPort } from '../test/ports';
import { Demo } from './demo';

const FOLDER = join(__dirname, '..', 'docs', 'pictures');
/** By then the shop has scaled, and everything else has happened once. */
const ALIVE_MS = 100_000;
const SETTLED_MS = 2_500;

interface Picture {
  name: string;
  path: string;
  dark?: boolean;
  phone?: boolean;
  /** Done before it is taken. */
  first?: (page: Page) => Promise<void>;
}

const PICTURES: readonly Picture[] = [
  { name: 'overview', path: '/' },
  { name: 'overview-dark', path: '/', dark: true },
  { name: 'services', path: '/services' },
  { name: 'service', path: '/services/shop is short of nodes' },
  { name: 'infrastructure', path: '/infrastructures/shop' },
  { name: 'executions', path: '/executions' },
  { name: 'approvals', path: '/approvals', phone: true },
  { name: 'alerts', path: '/alerts' },
];

async function take(
  browser: Browser,
  demo: Demo,
  { name, path, dark, phone, first }: Picture,
): Promise<void> {
  const size = phone === true ? { width: 390, height: 780 } : { width: 1_280, height: 860 };
  const { context, page } = await Window.open(browser, demo.url, { ...size, dark });
  await page.goto('/login');
  await signIn(page, demo.username, demo.password);
  await page.waitForURL((url) => !url.pathname.endsWith('/login'));
  await page.goto(path);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await first?.(page);
  await sleep(SETTLED_MS);
  await page.screenshot({ path: join(FOLDER, `${name}.png`) });
  await context.close();
}

async function main(): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  const demo = await Demo.start(await testPort());
  const browser = await startBrowser();
  try {
    await sleep(ALIVE_MS);
    for (const picture of PICTURES) await take(browser, demo, picture);
  } finally {
    await browser.close();
    await demo.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
