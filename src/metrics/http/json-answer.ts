import { numberOrProblemAt } from '../../common/json-path';

/** Parses a body as JSON (RFC 8259). @throws Error when it is none */
export function jsonIn(body: Uint8Array): unknown {
  try {
    const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8');
    return JSON.parse(text.replace(/^\uFEFF/, '')) as unknown;
  } catch {
    throw new Error(body.length === 0 ? 'its answer is empty' : 'its answer is no JSON');
  }
}

export type Found = ReturnType<typeof numberOrProblemAt>;

/** Returns the numbers at several paths, parsing the body once. @throws Error when it is no JSON */
export function numbersAt(paths: readonly string[], body: Uint8Array): Found[] {
  const document = jsonIn(body);
  return paths.map((path) => numberOrProblemAt(path, document));
}
