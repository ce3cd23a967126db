/** Where stories of the console happen: `anna`, who may all, is signed in, a first rule has acted, and the things of `things.ts` are there. */
import type { Browser, Page } from 'playwright-core';
import { until, World, type MonscaleProcess } from '../program';
import { WebhookSink } from '../stand-ins/webhook-sink';
import { signIn, startBrowser, Window } from './browser';
import { makeThings, PASSWORD } from './things';

export interface Scene {
  world: World;
  program: MonscaleProcess;
  browser: Browser;
  window: Window;
  page: Page;
  sink: WebhookSink;
  sinkUrl: string;
  /** Ends all of it. */
  end(): Promise<void>;
}

export async function beginScene(): Promise<Scene> {
  const sink = new WebhookSink();
  const [sinkUrl, world, browser] = await Promise.all([sink.start(), World.create(), startBrowser()]);
  const end = async () => {
    await browser.close();
    await world.end();
    await sink.stop();
  };
  try {
    const program = await world.start();
    await program.api.create('/users', { name: 'anna', password: PASSWORD });
    await program.api.create('/grants', { subject: { user: 'anna' }, role: 'admin', approve: true });
    await beginDemo(program, sink, sinkUrl);
    await makeThings(program, sink, sinkUrl);
    const window = await Window.open(browser, program.url);
    const { page } = window;
    await page.goto('/login');
    await signIn(page, 'anna', PASSWORD);
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    return { world, program, browser, window, page, sink, sinkUrl, end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Has a first rule call a webhook, as `console.spec.ts` does by hand. */
async function beginDemo({ api }: MonscaleProcess, sink: WebhookSink, sinkUrl: string): Promise<void> {
  await api.create('/actions', { name: 'tell', type: 'webhook', params: { url: `${sinkUrl}/first` } });
  await api.create('/services', {
    name: 'demo',
    intervalSeconds: 1,
    metrics: { jobs: { type: 'static_count', params: { value: 7 } } },
    condition: 'jobs > 5',
    wisdomSeconds: 3600,
    actions: ['tell'],
  });
  await until(() => sink.requests.some(({ path }) => path === '/first'), 20_000, 'the first rule acts');
}
