import { Allowance } from './allowance';
import { BrokenAnswer, type AnswerCheck } from './broken-answer';

/** Bytes of a message's head: its type, and the length of what follows with itself (PostgreSQL, 54.7). */
const HEAD_BYTES = 5;
const LENGTH_BYTES = 4;
const MESSAGE_BYTES = 1_000_000;
/** Allowance of bytes for one connection; notices may be many. */
const BYTES = { burst: 2_000_000, perSecond: 2_000_000 };
/**
 * Allowance of messages. One answer has some ten; connections that are asked as fast as they answer have some thousands
 * a second.
 */
const MESSAGES = { burst: 10_000, perSecond: 10_000 };
/** Most requests for authentication, each of which costs an answer. A login has three. */
const AUTHENTICATIONS_AT_MOST = 10;
/** Types of a server's messages, of all versions. */
const TYPES = new Set(Buffer.from('RKSZETDCInN123stAGHWdcVv'));
const AUTHENTICATION = 'R'.charCodeAt(0);
/** Types of errors and notices: fields of one letter and a text each, and a zero. */
const FIELDS = new Set(Buffer.from('EN'));

const broken = () =>
  new BrokenAnswer('what it answers is not as PostgreSQL does; is the port right?', 'form');

/**
 * Checks the messages of a PostgreSQL server: types and lengths, and the fields whose end pg would search for without
 * end. State: the head of the current message, whole or in part, and how many bytes of it are still to come.
 */
export class PostgresMessages implements AnswerCheck {
  private readonly bytes = new Allowance(BYTES.burst, BYTES.perSecond, '2 MB');
  private readonly messages = new Allowance(MESSAGES.burst, MESSAGES.perSecond, `${MESSAGES.burst} messages`);
  private authentications = 0;
  private readonly head = Buffer.alloc(HEAD_BYTES);
  private headLength = 0;
  /** Bytes still to come of the current message. */
  private left = 0;
  private fields?: Buffer[];

  take(bytes: Buffer): void {
    this.bytes.take(bytes.length);
    for (let at = 0; at < bytes.length;) {
      if (this.headLength < HEAD_BYTES) {
        const taken = bytes.copy(this.head, this.headLength, at);
        this.headLength += taken;
        at += taken;
        if (this.headLength === HEAD_BYTES) this.begin();
      } else {
        const part = bytes.subarray(at, at + this.left);
        this.fields?.push(part);
        this.left -= part.length;
        at += part.length;
      }
      if (this.headLength === HEAD_BYTES && this.left === 0) this.end();
    }
  }

  private begin(): void {
    const type = this.head[0]!;
    const length = this.head.readUInt32BE(1);
    if (!TYPES.has(type) || length < LENGTH_BYTES) throw broken();
    if (length > MESSAGE_BYTES) {
      throw new BrokenAnswer(
        'a message of its answer has more than 1 MB; is it PostgreSQL that listens there?',
        'size',
      );
    }
    this.messages.take(1);
    if (type === AUTHENTICATION && ++this.authentications > AUTHENTICATIONS_AT_MOST) throw broken();
    this.left = length - LENGTH_BYTES;
    this.fields = FIELDS.has(type) ? [] : undefined;
  }

  private end(): void {
    if (this.fields !== undefined && !areFields(Buffer.concat(this.fields))) throw broken();
    this.headLength = 0;
    this.fields = undefined;
  }
}

function areFields(bytes: Buffer): boolean {
  let at = 0;
  while (at < bytes.length && bytes[at] !== 0) {
    const end = bytes.indexOf(0, at + 1);
    if (end < 0) return false;
    at = end + 1;
  }
  return at === bytes.length - 1;
}
