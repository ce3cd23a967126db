/** What `compile-cache.cjs` keeps, made by a first start if there is none yet: such as after a build. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { World } from './program';

const DIST = join(__dirname, '..', 'dist');
const FOLDER = join(DIST, '.compiled');

export async function fillCompileCache(): Promise<void> {
  const isBuilt = existsSync(join(DIST, 'src', 'main.js'));
  if (!isBuilt || (existsSync(FOLDER) && readdirSync(FOLDER).length > 0)) return;
  const world = await World.create();
  const program = await world.start();
  await program.stop();
  await world.end();
}
