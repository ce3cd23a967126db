// Sends one command to the embedded Redis of a running program: npm run -s redis -- LPUSH jobs a b c
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { root } from './setup.mjs';

const [command, ...args] = process.argv.slice(2);
if (!command) {
  console.error('usage: npm run -s redis -- COMMAND [ARGUMENT …]');
  process.exit(1);
}
const folder = resolve(root, process.env.MONSCALE_DATA_DIR ?? '.monscale');
const { default: Redis } = createRequire(import.meta.url)('ioredis');
const redis = new Redis(readFileSync(join(folder, 'redis-url'), 'utf8').trim(), {
  retryStrategy: () => null,
});
try {
  console.log(await redis.call(command, ...args));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  redis.disconnect();
}
