/**
 * Reader of answers of a server that does not keep to HTTP's letter; it reads them as browsers and curl do: lines that
 * end in LF alone, control characters in headers, a blank before a header's colon, a length that is repeated. The end
 * of an answer is never guessed: where it is not clear, nothing is read.
 */
import type { HttpAnswer } from './http-call';

const HEAD_BYTES_AT_MOST = 64 * 1024;
const BLANK_LINES_AT_MOST = 8;
const INTERIM_AT_MOST = 8;

const STATUS_LINE = /^(?:HTTP\/\d(?:\.\d)?|ICY)[ \t]+([1-9]\d{2})(?:[ \t]|$)/i;
const CHUNK_LINE = /^[ \t]*([0-9a-f]{1,8})[ \t]*(?:;.*)?$/i;

/** Headers by name in lower case, with all values of each. */
type Headers = Map<string, string[]>;

/**
 * Reads an answer.
 *
 * @param source bytes of a connection that is used for nothing else
 * @param isBodiless whether it is the answer to a HEAD
 * @throws Error saying why nothing can be read, as the end of a sentence
 */
export async function readAnswer(
  source: AsyncIterable<Buffer>,
  isBodiless: boolean,
  bytesAtMost: number,
): Promise<HttpAnswer> {
  const bytes = new Bytes(source[Symbol.asyncIterator]());
  const { status, headers } = await finalHead(bytes);
  const hasBody = !isBodiless && status >= 200 && status !== 204 && status !== 304;
  return {
    status,
    headers: Object.fromEntries([...headers].map(([name, values]) => [name, values.join(', ')])),
    body: hasBody ? await bodyOf(headers, bytes, bytesAtMost) : Buffer.alloc(0),
  };
}

interface Head {
  status: number;
  headers: Headers;
}

/** Reads the final head. Others may come before it, such as 100 Continue and 103 Early Hints. */
async function finalHead(bytes: Bytes): Promise<Head> {
  for (let interim = 0; interim <= INTERIM_AT_MOST; interim++) {
    const head = await headOf(bytes);
    if (head.status >= 200 || head.status === 101) return head;
  }
  throw new Error('it answers that it goes on (1xx), again and again');
}

async function headOf(bytes: Bytes): Promise<Head> {
  const status = statusIn(await firstLine(bytes));
  const headers: Headers = new Map();
  let last: string[] | undefined;
  let length = 0;
  for (let line = await bytes.line(); line !== ''; line = await bytes.line()) {
    if (line === undefined) throw cut();
    length += line.length + 1;
    if (length > HEAD_BYTES_AT_MOST) throw longHead();
    const colon = line.indexOf(':');
    if (/^[ \t]/.test(line)) {
      // RFC 9112, 5.2: the line before goes on.
      if (last) last.push(`${last.pop()} ${line.trim()}`.trim());
    } else if (colon > 0) {
      const name = line.slice(0, colon).trim().toLowerCase();
      last = headers.get(name) ?? [];
      last.push(line.slice(colon + 1).trim());
      headers.set(name, last);
    }
  }
  return { status, headers };
}

async function firstLine(bytes: Bytes): Promise<string> {
  for (let blank = 0; blank <= BLANK_LINES_AT_MOST; blank++) {
    const line = await bytes.line();
    if (line === undefined) throw cut();
    if (line !== '') return line;
  }
  return '';
}

function statusIn(line: string): number {
  if (line.includes('\r')) throw new Error('the lines of its answer end in CR alone, which is not HTTP');
  const status = STATUS_LINE.exec(line)?.[1];
  if (status !== undefined) return Number(status);
  if (/^(HTTP\/|ICY )/i.test(line)) throw new Error('its answer has no status of HTTP');
  throw Object.assign(new Error('no HTTP'), {
    code: 'HPE_INVALID_CONSTANT',
    rawPacket: Buffer.from(line, 'latin1'),
  });
}

async function bodyOf(headers: Headers, bytes: Bytes, atMost: number): Promise<Buffer> {
  const codings = listed(headers.get('transfer-encoding')).filter((coding) => coding !== 'identity');
  // RFC 9112, 6.3: chunks count more than a length beside them.
  if (codings.length > 0) {
    if (codings.some((coding) => coding !== 'chunked'))
      throw new Error(
        `its Transfer-Encoding is not understood: ${JSON.stringify(codings.join(', ').slice(0, 40))}`,
      );
    return chunksOf(bytes, atMost);
  }
  const length = lengthIn(headers);
  if (length === undefined) return bytes.rest(atMost);
  if (length > atMost) throw tooLong(atMost);
  return bytes.exactly(length);
}

/** Returns the length of the body; undefined when none is given. One length that is repeated is clear. */
function lengthIn(headers: Headers): number | undefined {
  const lengths = [...new Set(listed(headers.get('content-length')))];
  if (lengths.length > 1)
    throw new Error(
      `its answer has several lengths: its Content-Length is ${lengths.slice(0, 3).join(' and ')}`,
    );
  const [length] = lengths;
  if (length === undefined) return undefined;
  if (!/^\d{1,15}$/.test(length)) throw new Error('the Content-Length of its answer is no length');
  return Number(length);
}

const listed = (values: string[] = []): string[] =>
  values.flatMap((value) => value.split(',')).map((one) => one.trim().toLowerCase());

async function chunksOf(bytes: Bytes, atMost: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let left = atMost; ;) {
    const line = await bytes.line();
    if (line === undefined) throw cut();
    const [, digits] = CHUNK_LINE.exec(line) ?? [];
    if (digits === undefined) throw new Error('a chunk of its answer has no valid length');
    const length = parseInt(digits, 16);
    if (length === 0) return Buffer.concat(chunks);
    left -= length;
    if (left < 0) throw tooLong(atMost);
    chunks.push(await bytes.exactly(length));
    const end = await bytes.line();
    if (end === undefined) throw cut();
    if (end !== '') throw new Error('a chunk of its answer is longer than it says');
  }
}

const cut = (): Error => new Error('it closed the connection before its answer was whole');

export const tooLong = (bytesAtMost: number): Error =>
  new Error(`its answer is longer than ${bytesAtMost / 1024 / 1024} MiB`);

/** Bytes of a connection, taken piece by piece. */
class Bytes {
  private left: Buffer = Buffer.alloc(0);

  constructor(private readonly source: AsyncIterator<Buffer>) {}

  /** Reads up to the next LF, without CR LF; or up to the end. Undefined at the end. */
  async line(): Promise<string | undefined> {
    let from = 0;
    let end: number;
    while ((end = this.left.indexOf('\n', from)) < 0) {
      from = this.left.length;
      if (from > HEAD_BYTES_AT_MOST) throw longHead();
      if (!(await this.more())) {
        if (from === 0) return undefined;
        end = from;
        break;
      }
    }
    const line = this.left.toString('latin1', 0, end).replace(/\r+$/, '');
    this.left = this.left.subarray(end + 1);
    return line;
  }

  async exactly(length: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for (let missing = length; missing > 0;) {
      if (this.left.length === 0 && !(await this.more())) throw cut();
      const chunk = this.left.subarray(0, missing);
      this.left = this.left.subarray(chunk.length);
      chunks.push(chunk);
      missing -= chunk.length;
    }
    return Buffer.concat(chunks);
  }

  async rest(atMost: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    do {
      length += this.left.length;
      if (length > atMost) throw tooLong(atMost);
      chunks.push(this.left);
      this.left = Buffer.alloc(0);
    } while (await this.more());
    return Buffer.concat(chunks);
  }

  /** Waits for more bytes; returns false at the end. */
  private async more(): Promise<boolean> {
    const next = await this.source.next();
    if (next.done) return false;
    this.left = this.left.length === 0 ? next.value : Buffer.concat([this.left, next.value]);
    return true;
  }
}

const longHead = (): Error =>
  new Error(`the header lines of its answer are longer than ${HEAD_BYTES_AT_MOST / 1024} KiB`);
