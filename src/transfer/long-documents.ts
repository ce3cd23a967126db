/** Reading and writing of documents with many definitions, on a thread or in slices. */
import { join } from 'node:path';
import { InvalidInput, PayloadTooLarge, type FieldError } from '../common/errors';
import { parseInTurns } from '../common/json-in-turns';
import { jsonInTurns } from '../common/json-text';
import { threadTask } from '../common/thread-pool';
import { fromYaml, toYaml } from './yaml';

/** Longest YAML that is read on the event loop, characters: some 10 ms at most. */
const SHORT_CHARACTERS = 4 * 1024;
const READ_MS = 15_000;
const WRITE_MS = 30_000;
/** Largest size of a document as JSON, characters: anchors can make much of little. */
const CHARACTERS_AT_MOST = 16 * 1024 * 1024;

/** Document as JSON, or its errors. JSON can be parsed in slices; an object copied from a thread can't. */
export type ReadYaml = { json: string } | { errors: FieldError[] };

const readOnThread = threadTask<string, ReadYaml>('requests', join(__dirname, 'yaml.thread'));
const writeOnThread = threadTask<string, string>('requests', join(__dirname, 'yaml-out.thread'));

/**
 * Like `fromYaml`, for long texts.
 *
 * @throws InvalidInput, TooCostly, Unavailable
 */
export async function fromLongYaml(text: string): Promise<unknown> {
  if (text.length <= SHORT_CHARACTERS) return fromYaml(text);
  const limits = { timeoutMs: READ_MS, bytes: text.length, what: 'the YAML', deed: 'read' } as const;
  const read = await readOnThread(text, limits);
  if ('errors' in read) throw new InvalidInput(read.errors);
  if (read.json.length > CHARACTERS_AT_MOST)
    throw new PayloadTooLarge('the YAML is more than 16 MB when its anchors are written out');
  return parseInTurns(read.json);
}

/**
 * Like `toYaml`, for long documents.
 *
 * @throws TooCostly, Unavailable
 */
export async function toLongYaml(document: object): Promise<string> {
  const json = await jsonInTurns(document);
  if (json.length <= SHORT_CHARACTERS) return toYaml(document);
  return writeOnThread(json, { timeoutMs: WRITE_MS, bytes: json.length, what: 'the export', deed: 'write' });
}
