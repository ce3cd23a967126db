/** Ways to answer wrong that a stranger may come to, by accident or on purpose. */
import {
  AUTHENTICATED,
  authentication,
  columnsOf,
  copyIn,
  endlessly,
  message,
  READY,
  rowOf,
  textOf,
  thenZeros,
  type Nonsense,
} from './nonsense';

const INT_MAX = 2 ** 31 - 1;
const nonceIn = (asked: Buffer): string => /r=([^,\0]+)/.exec(asked.toString('latin1'))?.[1] ?? '';

/** Logs in by SCRAM-SHA-256 with so many iterations (RFC 5802). */
const scram =
  (iterations: string): Nonsense =>
  (socket, asked) => {
    if (!asked.includes('n,,n=')) return void socket.write(authentication(10, 'SCRAM-SHA-256\0\0'));
    socket.write(authentication(11, `r=${nonceIn(asked)}x,s=c2FsdA==,i=${iterations}`));
  };

const reset: Nonsense = (socket) => void socket.resetAndDestroy();

export const PG: [name: string, when: 'login' | 'query', Nonsense][] = [
  ['DataRow cut short', 'query', rowOf(2, 'ab')],
  ['DataRow without a word of its columns', 'query', message('D', '')],
  ['DataRow unasked of more columns than were told', 'query', rowOf(1, Buffer.concat([textOf(1), Buffer.from('x')]))],
  ['DataRow with a negative count', 'query', rowOf(-5)],
  ['DataRow with a column of negative length', 'query', rowOf(1, textOf(-7))],
  ['DataRow with a column of 2 GB', 'query', rowOf(1, textOf(INT_MAX))],
  ['RowDescription cut short', 'query', columnsOf(9, 'a\0')],
  ['RowDescription with a negative count', 'query', columnsOf(-1)],
  ['RowDescription of 32767 columns that are not there', 'query', columnsOf(32_767)],
  ['CommandComplete unasked', 'query', Buffer.concat([READY, message('C', 'SELECT 1\0'), message('C', 'SELECT 1\0')])],
  ['CommandComplete at login', 'login', message('C', 'SELECT 1\0')],
  ['CopyInResponse unasked', 'query', Buffer.concat([READY, copyIn(1)])],
  ['CopyInResponse at login', 'login', copyIn(0)],
  ['CopyData and CopyOutResponse', 'query', Buffer.concat([message('H', '\0\0\x01\0\0'), message('d', 'x'), message('c')])],
  ['DataRow at login', 'login', rowOf(0)],
  ['ReadyForQuery ten times', 'query', Buffer.concat(Array.from({ length: 10 }, () => READY))],
  ['ParseComplete and PortalSuspended at login', 'login', Buffer.concat([message('1'), message('s')])],
  ['EmptyQueryResponse after the end', 'query', Buffer.concat([READY, message('I'), message('I')])],
  ['an unknown type', 'query', message('!', 'x')],
  ['an unknown type at login', 'login', message('\x80', 'x')],
  ['messages of length 0', 'query', endlessly(message('N', '', 0))],
  ['a message of length 3', 'query', message('Z', 'I', 3)],
  ['a message of 2^31-1 bytes', 'query', thenZeros(message('D', '', INT_MAX))],
  ['a message of 2^32-1 bytes', 'login', thenZeros(message('R', '', 2 ** 32 - 1))],
  ['notices for ever', 'query', endlessly(message('N', 'SNOTICE\0Mhello\0\0'))],
  ['notices for ever at login', 'login', endlessly(message('N', 'SNOTICE\0Mhello\0\0'))],
  ['parameters for ever', 'query', endlessly(message('S', 'a\0b\0'))],
  ['rows for ever', 'query', (socket, asked) => (endlessly(rowOf(0)) as (s: typeof socket, a: Buffer) => void)(socket, asked)],
  ['ErrorResponse without an end', 'query', message('E', 'Mno end of it')],
  ['ErrorResponse without a message', 'query', message('E', '\0')],
  ['ErrorResponse that names a prototype', 'query', message('E', Buffer.from('__proto__\0\0'))],
  ['NotificationResponse cut short', 'query', message('A', 'x')],
  ['BackendKeyData cut short', 'login', Buffer.concat([AUTHENTICATED, message('K', 'x')])],
  ['an authentication that nobody knows', 'login', authentication(99)],
  ['an authentication that is cut short', 'login', message('R', 'x')],
  ['SASL without a mechanism', 'login', authentication(10, '\0')],
  ['SASL of unknown mechanisms', 'login', authentication(10, 'PLAIN\0\0')],
  ['SASL that ends before it began', 'login', authentication(12, 'v=x')],
  ['SASL that goes on before it began', 'login', authentication(11, 'r=x,s=y,i=1')],
  ['a password asked for again and again', 'login', endlessly(authentication(3))],
  ['MD5 asked for again and again', 'login', (socket) => void socket.write(Buffer.concat(Array.from({ length: 2_000 }, () => authentication(5, 'salt'))))],
  ['SCRAM of 2^31 iterations', 'login', scram(String(2 ** 31))],
  ['SCRAM of 4000000000 iterations', 'login', scram('4000000000')],
  ['SCRAM of no number of iterations', 'login', scram('many')],
  ['SCRAM of -1 iterations', 'login', scram('-1')],
  ['HTTP', 'login', 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'],
  ['a reset at login', 'login', reset],
  ['a reset at the question', 'query', reset],
  ['an end at the question', 'query', (socket) => void socket.end()],
  ['half a message and an end', 'query', (socket) => void socket.end(message('D', 'abc').subarray(0, 4))],
]; // prettier-ignore

const single = 'redis://127.0.0.1:PORT';
const cluster = 'redis+cluster://127.0.0.1:PORT';
const sentinel = 'redis+sentinel://127.0.0.1:PORT/main';

const slots = (from: number, to: number, times = 1): string =>
  `*${times}\r\n` + `*3\r\n:${from}\r\n:${to}\r\n*2\r\n$9\r\n127.0.0.1\r\n:1\r\n`.repeat(times);

/** To itself, by MOVED, whatever is asked but its slots. */
const movedInCircles: Nonsense = (socket, asked) => {
  const port = socket.localPort!;
  const all = `*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:${port}\r\n`;
  socket.write(/slots/i.test(asked.toString()) ? all : `-MOVED 1 127.0.0.1:${port}\r\n`);
};

const answersLlen =
  (answer: string): Nonsense =>
  (socket, asked) =>
    void socket.write(/llen/i.test(asked.toString()) ? answer : '+OK\r\n');

export const REDIS: [name: string, url: string, Nonsense][] = [
  ['an array 200,000 deep', single, '*1\r\n'.repeat(200_000)],
  ['an array 3,000 deep', single, '*1\r\n'.repeat(3_000) + ':1\r\n'],
  ['a bulk string of 2 GB', single, thenZeros('$2147483647\r\n')],
  ['a bulk string of 10^300 bytes', single, thenZeros(`$1${'0'.repeat(300)}\r\n`)],
  ['a bulk string of -5 bytes', single, '$-5\r\n'],
  ['a bulk string whose length is a word', single, '$many\r\nx\r\n'],
  ['an array of 10^9', single, '*1000000000\r\n'],
  ['an array of 2^32-2 and its entries for ever', single, (socket, asked) => {
    socket.write('*4294967294\r\n');
    (endlessly(':1\r\n') as (s: typeof socket, a: Buffer) => void)(socket, asked);
  }],
  ['an array of 10^12', single, '*1000000000000\r\n'],
  ['an array of -7', single, '*-7\r\n'],
  ['an integer that is a word', single, answersLlen(':many\r\n*1\r\n+master\r\n')],
  ['an integer of 400 digits', single, answersLlen(`:${'9'.repeat(400)}\r\n*1\r\n+master\r\n`)],
  ['a map of RESP3', single, '%1\r\n+a\r\n+b\r\n'],
  ['a push message of RESP3', single, '>2\r\n+message\r\n+x\r\n'],
  ['a null of RESP3', single, '_\r\n'],
  ['a big number of RESP3', single, '(123\r\n'],
  ['a line without an end', single, endlessly('+')],
  ['an error without an end', single, endlessly('-')],
  ['an integer without an end', single, endlessly('1')],
  ['answers unasked', single, answersLlen(':1\r\n'.repeat(50_000))],
  ['answers unasked for ever', single, endlessly(':1\r\n')],
  ['errors for ever', single, endlessly('-ERR no\r\n')],
  ['a text in place of a number', single, answersLlen('$3\r\nabc\r\n*1\r\n+master\r\n')],
  ['messages of a subscription', single, '*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nb\r\n'],
  ['HTTP', single, 'HTTP/1.1 400 Bad Request\r\n\r\n'],
  ['a reset', single, reset],
  ['a Cluster of slots up to 2*10^9', cluster, slots(0, 2_000_000_000)],
  ['a Cluster of slots from -2*10^9', cluster, slots(-2_000_000_000, 5)],
  ['a Cluster of slots up to 10^300', cluster, slots(0, 0).replace(':0\r\n:0', `:0\r\n:1${'0'.repeat(300)}`)],
  ['a Cluster whose slots are told 16,000 times', cluster, slots(0, 16_383, 16_000)],
  ['a Cluster whose slots are no list', cluster, '+OK\r\n'],
  ['a Cluster whose slots are a list of texts', cluster, '*2\r\n+a\r\n+b\r\n'],
  ['a Cluster whose slots are null', cluster, '*-1\r\n'],
  ['a Cluster whose nodes are null', cluster, '*1\r\n*3\r\n:0\r\n:16383\r\n*-1\r\n'],
  ['a Cluster whose nodes are nobody', cluster, '*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:0\r\n'],
  ['a Cluster that moves in circles', cluster, movedInCircles],
  ['a Cluster that moves to nowhere', cluster, '-MOVED\r\n'],
  ['a Cluster that asks nonsense', cluster, '-ASK x y z\r\n'],
  ['Sentinels that answer a text', sentinel, '+OK\r\n'],
  ['Sentinels that answer numbers', sentinel, '*2\r\n:1\r\n:2\r\n'],
  ['Sentinels that name port 99999', sentinel, '*2\r\n$9\r\n127.0.0.1\r\n$5\r\n99999\r\n'],
  ['Sentinels that name no port', sentinel, '*2\r\n$9\r\n127.0.0.1\r\n$4\r\nnone\r\n'],
  ['Sentinels that answer nothing', sentinel, '*0\r\n'],
  ['Sentinels that answer lists of lists', sentinel, '*2\r\n*1\r\n*0\r\n*1\r\n*0\r\n'],
  ['Sentinels that answer without an end', sentinel, endlessly('*1\r\n')],
]; // prettier-ignore
