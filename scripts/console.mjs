/** Builds the console's page, src/console/web, into dist/console, as `npm run build` does. */
import { join } from 'node:path';
import { buildConsole, root } from './setup.mjs';

process.chdir(root);
process.exit(await buildConsole(join('dist', 'console')));
