import { extname, join } from 'node:path';

const REGISTER = join(__dirname, '..', '..', 'scripts', 'register.cjs');

/**
 * Arguments of Node.js for a process or a thread of the program that runs a file beside the one that starts it: as that
 * one, it is run from its source only in specs.
 */
export const fromSource = (starter: string): string[] =>
  extname(starter) === '.ts' ? ['--require', REGISTER] : [];
