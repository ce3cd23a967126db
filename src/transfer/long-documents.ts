/** Documents of many definitions: what takes long of them is done on a thread, or in turns. */
import { join } from 'node:path';
import { InvalidInput, PayloadTooLarge, type FieldError } from '../common/errors';
import { parseInTurns } from '../common/json-in-turns';
import { threadTask } from '../common/thread-pool';
import { Turns } from '../common/turns';
import { fromYaml, toYaml } from './yaml';

/** YAML takes some 10 ms at most to read. */
const SHORT_CHARACTERS = 4 * 1024;
const READ_MS = 15_000;
const WRITE_MS = 30_000;
/** As JSON: anchors make much of little. */
const CHARACTERS_AT_MOST = 16 * 1024 * 1024;

/** What is in it, or its mistakes. JSON can be read in turns, and an object that is copied from a thread can't. */
export type ReadYaml = { json: string } | { errors: FieldError[] };

const readOnThread = threadTask<string, ReadYaml>('requests', join(__dirname, 'yaml.thread'));
const writeOnThread = threadTask<string, string>('requests', join(__dirname, 'yaml-out.thread'));

/** As `fromYaml`. @throws InvalidInput, TooCostly, Unavailable */
export async function fromLongYaml(text: string): Promise<unknown> {
  if (text.length <= SHORT_CHARACTERS) return fromYaml(text);
  const limits = { timeoutMs: READ_MS, bytes: text.length, what: 'the YAML', deed: 'read' } as const;
  const read = await readOnThread(text, limits);
  if ('errors' in read) throw new InvalidInput(read.errors);
  if (read.json.length > CHARACTERS_AT_MOST)
    throw new PayloadTooLarge('the YAML is more than 16 MB when its anchors are written out');
  return parseInTurns(read.json);
}

/** Parts of a document as JSON, in turns: each of its definitions is written by itself. */
export async function* jsonOf(document: object): AsyncGenerator<string> {
  const turns = new Turns();
  let separator = '{';
  for (const [name, value] of Object.entries(document) as [string, unknown][]) {
    yield `${separator}${JSON.stringify(name)}:`;
    separator = ',';
    if (!Array.isArray(value)) {
      yield JSON.stringify(value);
      continue;
    }
    let before = '[';
    for (const item of value as unknown[]) {
      yield before + JSON.stringify(item);
      before = ',';
      await turns.next();
    }
    yield before === '[' ? '[]' : ']';
  }
  yield separator === '{' ? '{}' : '}';
}

/** As `toYaml`. @throws TooCostly, Unavailable */
export async function toLongYaml(document: object): Promise<string> {
  const parts: string[] = [];
  let length = 0;
  for await (const part of jsonOf(document)) {
    parts.push(part);
    length += part.length;
  }
  const json = parts.join('');
  if (length <= SHORT_CHARACTERS) return toYaml(document);
  return writeOnThread(json, { timeoutMs: WRITE_MS, bytes: length, what: 'the export', deed: 'write' });
}
