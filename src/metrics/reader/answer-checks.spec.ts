import fc from 'fast-check';
import { authentication, message, READY, rowOf } from '../../../test/stand-ins/nonsense';
import type { AnswerCheck } from './broken-answer';
import { PostgresMessages } from './postgres-messages';
import { RedisReplies } from './redis-replies';

/** In pieces of these lengths, the last ones as long as they come. @returns why it is refused */
function taken(check: AnswerCheck, bytes: Buffer, lengths: number[]): string | undefined {
  try {
    let at = 0;
    for (const length of [...lengths, bytes.length]) {
      check.take(bytes.subarray(at, at + length));
      at += length;
    }
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
const pieces = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 200 });

/** As a server writes them. */
const reply: fc.Arbitrary<string> = fc.letrec<{ reply: string }>((tie) => ({
  reply: fc.oneof(
    { maxDepth: 4 },
    fc.stringMatching(/^[\w .]{0,20}$/).map((text) => `+${text}\r\n`),
    fc.stringMatching(/^ERR [\w .]{0,20}$/).map((text) => `-${text}\r\n`),
    fc.maxSafeInteger().map((number) => `:${number}\r\n`),
    fc.string({ unit: 'binary', maxLength: 30 }).map((text) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`),
    fc.constantFrom('$-1\r\n', '*-1\r\n', '*0\r\n'),
    fc.array(tie('reply'), { maxLength: 4 }).map((all) => `*${all.length}\r\n${all.join('')}`),
  ),
})).reply;

describe('RedisReplies', () => {
  it('takes whatever a server writes, in whatever pieces it comes', () => {
    fc.assert(
      fc.property(fc.array(reply, { maxLength: 20 }), pieces, (replies, lengths) => {
        expect(taken(new RedisReplies(), Buffer.from(replies.join('')), lengths)).toBeUndefined();
      }),
    );
  });

  const NO_REDIS = /not as Redis does/;
  it.each([
    ['HTTP/1.1 200 OK\r\n', NO_REDIS],
    [':many\r\n', NO_REDIS],
    [':+7\r\n', NO_REDIS],
    [':\r\n', NO_REDIS],
    [`:${'9'.repeat(20)}\r\n`, NO_REDIS],
    ['$-5\r\n', NO_REDIS],
    ['$1e3\r\n', NO_REDIS],
    ['*-2\r\n', NO_REDIS],
    ['+a\rb\r\n', NO_REDIS],
    ['+a\n', NO_REDIS],
    ['*1\r\n'.repeat(9), NO_REDIS],
    ['~1\r\n+x\r\n', NO_REDIS],
    ['#t\r\n', NO_REDIS],
    ['$1000001\r\n', /a text of more than 1 MB/],
    ['*65537\r\n', /a list of more than 65536 entries/],
    [`-${'x'.repeat(20_000)}`, /a line without an end/],
    [`$900000\r\n${'x'.repeat(900_000)}\r\n`.repeat(10), /more than 8 MB/],
  ])('refuses %j', (text, why) => {
    const bytes = Buffer.from(text.slice(0, 9_100_000));
    const lengths = bytes.length > 10_000 ? [] : Array.from({ length: bytes.length }, () => 1);
    expect(taken(new RedisReplies(), Buffer.from(`*1\r\n+OK\r\n:1\r\n${text}`), lengths)).toMatch(why);
  });
});

const field = fc.tuple(fc.constantFrom(...'SVCMDHPWFLR'), fc.stringMatching(/^[^\0]{0,20}$/));
const fields = fc
  .array(field, { maxLength: 8 })
  .map((all) => `${all.map(([letter, text]) => `${letter}${text}\0`).join('')}\0`);
const postgres = fc.oneof(
  fc.constant(READY),
  fc.constant(authentication(0)),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => rowOf(1, Buffer.from(bytes))),
  fields.map((body) => message('E', body)),
  fields.map((body) => message('N', body)),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => message('S', Buffer.from(bytes))),
);

describe('PostgresMessages', () => {
  it('takes whatever a server writes, in whatever pieces it comes', () => {
    fc.assert(
      fc.property(fc.array(postgres, { maxLength: 9 }), pieces, (messages, lengths) => {
        expect(taken(new PostgresMessages(), Buffer.concat(messages), lengths)).toBeUndefined();
      }),
    );
  });

  const NO_POSTGRES = /not as PostgreSQL does/;
  it.each([
    ['an error without its last zero', message('E', 'Mabc\0'), NO_POSTGRES],
    ['an error whose text has no end', message('E', 'Mabc'), NO_POSTGRES],
    ['an error of nothing', message('E', ''), NO_POSTGRES],
    ['a notice with something behind its end', message('N', 'Mabc\0\0x'), NO_POSTGRES],
    ['a length of 0', message('Z', '', 0), NO_POSTGRES],
    ['a length of 3', message('Z', 'I', 3), NO_POSTGRES],
    ['a type that is none', message('\0', 'x'), NO_POSTGRES],
    ['a length of 4 GB', message('D', '', 2 ** 32 - 1), /more than 1 MB/],
    ['a length of 1 MB', message('D', '', 1_000_001), /more than 1 MB/],
    ['11 authentications', Buffer.concat(Array.from({ length: 11 }, () => authentication(3))), NO_POSTGRES],
    [
      '12,000 messages',
      Buffer.concat(Array.from({ length: 12_000 }, () => READY)),
      /more than 10000 messages/,
    ],
    [
      '3 MB',
      Buffer.concat(Array.from({ length: 6 }, () => message('d', Buffer.alloc(500_000)))),
      /more than 2 MB/,
    ],
  ])('refuses %s', (_, bytes, why) => {
    const lengths = bytes.length > 100 ? [] : [1, 1, 1, 1, 1, 1, 1];
    expect(taken(new PostgresMessages(), Buffer.concat([READY, bytes]), lengths)).toMatch(why);
  });
});
