import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import tls, { type TlsOptions } from 'node:tls';
import zlib from 'node:zlib';
import { EXPIRED, GOOD, OTHER } from '../../test/stand-ins/certificates';
import { messageOf } from './errors';
import { transportWords } from './transport-words';

/** What libraries say, which nobody is to read. */
const SLANG =
  /E[A-Z]{5,}|HPE_|error:|[0-9A-F]{8}|\.c:|routines|alert number|altnames|Parse Error|hang up|\n|Z_|ERR_/;

const servers: Server[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close()));

async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket) => socket.on('error', () => undefined));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** Does this once it is asked. */
const answering = (answer: (socket: Socket) => void) =>
  listening(net.createServer((socket) => socket.once('data', () => answer(socket))));

const saying = (text: string | Buffer) => answering((socket) => socket.end(text));

const speakingTls = (options: TlsOptions) =>
  listening(tls.createServer({ ...GOOD, ...options }).on('tlsClientError', () => undefined));

/** The error of asking, or of reading what is answered. */
function failureOf(client: typeof http | typeof https, options: https.RequestOptions): Promise<unknown> {
  return new Promise((resolve) => {
    const request = client.request({ host: '127.0.0.1', agent: false, ...options }, (response) => {
      response.on('error', resolve);
      response.on('end', () => resolve('it was answered'));
      response.resume();
    });
    request.on('error', resolve);
    request.end();
  });
}

const trusting = { rejectUnauthorized: false };
const OLD = { ciphers: 'DEFAULT@SECLEVEL=0', minVersion: 'TLSv1' } as const;

describe('TLS', () => {
  test.each([
    ['TLS 1.1 at most', { ...OLD, maxVersion: 'TLSv1.1' }, {}, 'it speaks no TLS version that is allowed here (1.2 and 1.3)'],
    ['TLS 1.0 alone', { ...OLD, maxVersion: 'TLSv1' }, {}, 'it speaks no TLS version that is allowed here (1.2 and 1.3)'],
    ['no cipher of ours', { ciphers: 'ECDHE-ECDSA-AES128-SHA', maxVersion: 'TLSv1.2' }, { ciphers: 'AES128-SHA' }, /^it agreed to no cipher/],
    ['a certificate of its own', {}, {}, 'its certificate is self-signed; to trust it, give it as tls.ca'],
    ['one that has expired', EXPIRED, { ca: EXPIRED.cert }, 'its certificate has expired'],
    ['one of another host', OTHER, { ca: OTHER.cert, servername: 'here.example' }, 'its certificate is not for here.example, but for elsewhere.example'],
    ['a wish for a certificate, TLS 1.3', { requestCert: true, minVersion: 'TLSv1.3' }, trusting, /client certificate|closed the connection/],
    ['a wish for another certificate', { requestCert: true, ca: GOOD.cert, maxVersion: 'TLSv1.2' }, { ...trusting, ...OTHER }, /closed the connection|refused our client certificate/],
  ] as [string, TlsOptions, https.RequestOptions, string | RegExp][])('%s', async (_, options, asked, words) => {
    const port = await speakingTls(options);
    const told = messageOf(await failureOf(https, { port, ...asked }));
    expect(told).toEqual(typeof words === 'string' ? words : expect.stringMatching(words));
    expect(told).not.toMatch(SLANG);
  }); // prettier-ignore

  test.each([
    ['plain HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['a mail server', '220 mail.example ESMTP\r\n'],
    ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ])('%s on the port', async (_, text) => {
    const told = messageOf(await failureOf(https, { port: await saying(text) }));
    expect(told).toBe('it does not speak TLS on this port; is it plain, without TLS?');
  });

  test('a server that leaves in the middle', async () => {
    const told = messageOf(await failureOf(https, { port: await answering((socket) => socket.end()) }));
    expect(told).toMatch(/^it closed the connection before TLS was agreed upon/);
  });

  const queued = (reason: string, alert?: number) =>
    Object.assign(
      new Error(
        `write EPROTO 80FCB48E:error:0A000412:SSL routines::${reason}:../deps/rec_layer_s3.c:1:${alert ? `SSL alert number ${alert}` : ''}\n`,
      ),
      { code: 'EPROTO', syscall: 'write' },
    );

  test.each([
    [queued('tlsv1 alert protocol version', 70), /TLS version/],
    [queued('sslv3 alert bad certificate', 42), /refused our client certificate/],
    [queued('tlsv13 alert certificate required', 116), /wants a client certificate/],
    [queued('tlsv1 unrecognized name', 112), /no certificate for the name/],
    [queued('tlsv1 alert internal error', 80), /failed at its end/],
    [queued('dh key too small'), /too weak/],
    [queued('unsafe legacy renegotiation disabled'), /too old to be safe/],
    [queued('unexpected eof while reading'), /in the middle of TLS/],
    [queued('decryption failed or bad record mac'), /^TLS with it failed: it does not keep to TLS/],
    [queued('digest check failed'), /^TLS with it failed: it does not keep to TLS/],
    [queued('reason(1123)'), /^it broke TLS off \(alert 123\)$/],
    [queued('reason(1116)'), /^it wants a client certificate/],
    [queued('reason(602)'), /^TLS with it failed: it does not keep to TLS/],
    [Object.assign(new Error('x'), { code: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' }), /signed by nobody who is trusted/],
    [Object.assign(new Error('x'), { code: 'CERT_NOT_YET_VALID' }), /not valid yet/],
    [Object.assign(new Error('error:0909006C:PEM routines:get_name:no start line'), { code: 'ERR_OSSL_PEM_NO_START_LINE' }), /no whole PEM/],
    [Object.assign(new Error('error:05800074:x509 certificate routines::key values mismatch'), { code: 'ERR_OSSL_X509_KEY_VALUES_MISMATCH' }), /not the key of tls\.cert/],
  ])('an error of OpenSSL, %#', (error, words) => {
    expect(transportWords(error)).toMatch(words);
    expect(transportWords(error)).not.toMatch(SLANG);
    // As libraries put it into a sentence and a code of their own.
    expect(messageOf(Object.assign(new Error(`Error initiating TLS - ${error.message}`), { code: error.code }))).not.toMatch(SLANG);
  }); // prettier-ignore
});

describe('HTTP', () => {
  const OK = 'HTTP/1.1 200 OK\r\n';

  test.each([
    ['no answer', '', 'it closed the connection without an answer'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', 'what it answers is not HTTP; is the port right?'],
    ['TLS', Buffer.from('15030300020228', 'hex'), 'it speaks TLS on this port; use https://'],
    ['a body cut short', `${OK}Content-Length: 10\r\n\r\n12345`, 'it closed the connection before its answer was whole'],
    ['chunks without an end', `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\n42\r\n`, 'it closed the connection before its answer was whole'],
    ['a chunk of no length', `${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\n42`, 'a chunk of its answer has no valid length'],
    ['two lengths', `${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\n42`, 'its answer has more than one Content-Length'],
    ['a length that is none', `${OK}Content-Length: 2 bytes\r\n\r\n42`, 'the Content-Length of its answer is no length'],
    ['a header without end', `${OK}A: ${'a'.repeat(20_000)}`, 'the header lines of its answer are longer than 16 KiB'],
    ['a status that is none', 'HTTP/1.1 2000 OK\r\n\r\n', 'its answer has no status of HTTP'],
  ])('%s', async (_, text, words) => {
    expect(messageOf(await failureOf(http, { port: await saying(text) }))).toBe(words);
  }); // prettier-ignore

  test.each([
    ['no gzip', zlib.createGunzip(), Buffer.from('[42]')],
    ['no deflate', zlib.createInflate(), Buffer.from('[42]')],
    ['no brotli', zlib.createBrotliDecompress(), Buffer.from('no brotli')],
  ])('%s', async (_, unpacker, bytes) => {
    const failure = new Promise((resolve) => unpacker.on('error', resolve));
    unpacker.end(bytes);
    expect(messageOf(await failure)).toBe('its answer is not packed as its Content-Encoding says');
  });
});

describe('sockets, the DNS and files', () => {
  test('a port where nobody listens', async () => {
    const told = messageOf(await failureOf(http, { port: 1 }));
    expect(told).toBe('it refuses connections at 127.0.0.1:1; does something listen there?');
  });

  test('a reset connection', async () => {
    const port = await answering((socket) => socket.resetAndDestroy());
    expect(messageOf(await failureOf(http, { port }))).toBe('it reset the connection');
  });

  test('a name that nobody has', async () => {
    const told = messageOf(await failureOf(http, { host: 'no-such-host.invalid', port: 80 }));
    expect(told).toMatch(/^the DNS (does not know no-such-host\.invalid|gives no answer now)$/);
  });

  const node = (syscall: string, code: string, more: object = {}) =>
    Object.assign(new Error(`${syscall} ${code} 10.0.0.7:6379`), { code, syscall, ...more });

  test.each([
    [node('connect', 'EHOSTUNREACH', { address: 'fd00::7', port: 6379 }), 'its host can not be reached at [fd00::7]:6379; is it up, and the address right?'],
    [node('connect', 'ENETUNREACH', { address: '10.0.0.7', port: 80 }), 'there is no route to its network at 10.0.0.7:80'],
    [node('connect', 'ETIMEDOUT'), 'there is no answer at 10.0.0.7:6379; is the address right, or does a firewall drop what is sent?'],
    [node('read', 'ETIMEDOUT'), 'its connection went dead: nothing more came over it'],
    [node('connect', 'EMFILE'), 'this machine has no file descriptor left for a connection (ulimit -n); it was not asked'],
    [node('write', 'EPIPE'), 'it closed the connection while it was asked'],
    [node('open', 'ENOENT', { path: '/run/token' }), 'there is no file /run/token'],
    [node('open', 'EACCES', { path: '/run/token' }), 'monscale may not read the file /run/token'],
    [node('connect', 'EACCES'), 'this machine does not let monscale connect there; is there a firewall on it?'],
    // A library's own code over Node's message.
    [Object.assign(new Error('connect ECONNREFUSED 10.0.0.7:25'), { code: 'ESOCKET' }), 'it refuses connections at 10.0.0.7:25; does something listen there?'],
    [Object.assign(new Error('getaddrinfo EAI_AGAIN mail'), { code: 'EDNS' }), 'the DNS gives no answer now'],
    [new AggregateError([node('connect', 'ECONNREFUSED', { address: '::1', port: 1 }), node('connect', 'ECONNREFUSED', { address: '127.0.0.1', port: 1 })], ''),
     'it refuses connections at [::1]:1; does something listen there?; it refuses connections at 127.0.0.1:1; does something listen there?'],
    [new TypeError('fetch failed', { cause: node('connect', 'EHOSTDOWN') }), 'its host is down at 10.0.0.7:6379'],
    [new DOMException('The operation was aborted due to timeout', 'TimeoutError'), 'no answer in time'],
  ] as [Error, string][])('an error of Node, %#', (error, words) => {
    expect(transportWords(error)).toBe(words);
    expect(messageOf(new Error('cannot read x', { cause: error }))).toBe(`cannot read x: ${words}`);
  }); // prettier-ignore

  test.each([[new Error('no such group')], [Object.assign(new Error('x'), { code: 'constructor' })], ['text'], [undefined], [null], [42]])(
    'what is of another kind keeps its own words, %#',
    (error) => expect(transportWords(error)).toBeUndefined(),
  ); // prettier-ignore
});
