/** `npm start`: sets up what is missing, then becomes the program. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, setUp } from './setup.mjs';

await setUp();
// Variables that are set already win.
if (existsSync('.env')) process.loadEnvFile('.env');
process.setSourceMapsEnabled(true);
// In this very process, so that signals have one receiver.
await import(pathToFileURL(join(root, 'dist', 'src', 'main.js')));
