/** `npm run demo`: monscale amid a simulated world, so that a stranger sees all of it alive in a minute. */
import { Demo } from './demo';

const PORT = Number(process.env.MONSCALE_HTTP_PORT ?? 8080);

async function main(): Promise<void> {
  const demo = await Demo.start(PORT);
  let isAsked = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (isAsked) return;
      isAsked = true;
      void demo.stop().then(() => process.exit(0));
    });
  console.log(`
  The demo of monscale is ready: ${demo.url}
  sign in as ${demo.username} with ${demo.password}

  In a minute you see a shop that scales with its load, a search that waits for your approval, payments in shadow,
  switches that grow warm, a page that goes down, an order that fails, alerts of a Prometheus, and a silence.
  Ctrl-C ends it, and leaves nothing behind.
`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
