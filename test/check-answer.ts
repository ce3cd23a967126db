/** Checks what the program answers against its own description (`GET /docs-json`), which each run reads once. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Answered, Answers, Description } from './answers';

declare global {
  /** Set by `environment.js`, where jest runs. */
  var keptByWorker: Map<string, unknown> | undefined;
}

const KEY = 'answers';
const known = (globalThis.keptByWorker ?? new Map()) as Map<string, Promise<Answers | undefined>>;

/** Throws where an answer is not as the API's description says. @param url of the process that answered */
export async function checkAnswer(url: string, token: string, answered: Answered): Promise<void> {
  if (answered.path.startsWith('/docs')) return;
  // Schemas are compiled as they are needed, which takes over a second: once in each worker.
  const reading = known.get(KEY) ?? read(url, token).catch(() => undefined);
  known.set(KEY, reading);
  const answers = await reading;
  // A process without the role api has no description: the next one is asked.
  if (answers === undefined) return void known.delete(KEY);
  const problem = answers.problem(answered);
  if (problem !== undefined) throw new Error(problem);
}

/** Reads the description that another spec of this run has kept, or asks for it. */
async function read(url: string, token: string): Promise<Answers | undefined> {
  const kept = join(process.env.TEST_FOLDER!, 'api-description.json');
  if (!existsSync(kept)) {
    const answer = await fetch(`${url}/docs-json`, { headers: { Authorization: `Bearer ${token}` } });
    if (!answer.ok) return undefined;
    const own = `${kept}.${process.pid}`;
    writeFileSync(own, await answer.text());
    renameSync(own, kept);
  }
  // Loaded by the worker's first spec alone.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { Answers } = require('./answers') as typeof import('./answers');
  return new Answers(JSON.parse(readFileSync(kept, 'utf8')) as Description);
}
