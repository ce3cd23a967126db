#!/usr/bin/env node
/** `npx monscale <command>`: sets up what is missing, then becomes the command line. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isCheckout, root, setUp } from './setup.mjs';

// Files are named as seen from here.
const here = process.cwd();
await setUp();
process.chdir(here);
const settings = join(isCheckout ? root : here, '.env');
// Variables that are set already win.
if (existsSync(settings)) process.loadEnvFile(settings);
await import(pathToFileURL(join(root, 'dist', 'src', 'cli', 'main.js')));
