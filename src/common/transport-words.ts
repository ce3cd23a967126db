/** Words for failures of sockets, TLS, HTTP's parser, the DNS and files, for the person who reads a state. */
import { tlsWords } from './tls-words';

/** Properties of Node's errors that are used here. */
interface TransportError {
  name?: unknown;
  message?: unknown;
  code?: unknown;
  /** Node's code, where a library (nodemailer) has put its own in `code`. */
  originalCode?: unknown;
  syscall?: unknown;
  hostname?: unknown;
  address?: unknown;
  port?: unknown;
  path?: unknown;
  reason?: unknown;
  /** Bytes that were read last when HTTP's parser failed. */
  rawPacket?: unknown;
  cause?: unknown;
  errors?: unknown;
}

type Words = string | ((error: TransportError) => string);

const CUT = 'it closed the connection before its answer was whole';
const MISPACKED = 'its answer is not packed as its Content-Encoding says';
const NO_HTTP = 'what it answers is not HTTP; is the port right?';
const DNS_AWAY = 'the DNS gives no answer now';
const SHORT_OF_MEMORY = 'this machine is short of memory for connections';
const SHORT_OF_FILES =
  'this machine has no file descriptor left for a connection (ulimit -n); it was not asked';

const FILE_CALLS = ['open', 'read', 'stat', 'lstat', 'scandir', 'access'];

const WORDS: Record<string, Words> = {
  ECONNREFUSED: (error) => `it refuses connections${atOf(error)}; does something listen there?`,
  ECONNRESET: resetWords,
  ECONNABORTED: 'the connection to it was broken off',
  EPIPE: 'it closed the connection while it was asked',
  ERR_STREAM_PREMATURE_CLOSE: CUT,
  ETIMEDOUT: (error) =>
    error.syscall === 'read'
      ? 'its connection went dead: nothing more came over it'
      : `there is no answer${atOf(error)}; is the address right, or does a firewall drop what is sent?`,
  EHOSTUNREACH: (error) => `its host can not be reached${atOf(error)}; is it up, and the address right?`,
  EHOSTDOWN: (error) => `its host is down${atOf(error)}`,
  ENETUNREACH: (error) => `there is no route to its network${atOf(error)}`,
  ENETDOWN: 'the network of this machine is down',
  EADDRNOTAVAIL: 'this machine has no local address or port left to reach it from',
  EAFNOSUPPORT: (error) => `this machine can not use addresses of that kind${atOf(error)}; is IPv6 off?`,
  EINVAL: (error) => `its address can not be reached from this machine${atOf(error)}`,
  EMFILE: SHORT_OF_FILES,
  ENFILE: SHORT_OF_FILES,
  ENOBUFS: SHORT_OF_MEMORY,
  ENOMEM: SHORT_OF_MEMORY,
  EACCES: forbiddenWords,
  EPERM: forbiddenWords,
  EMSGSIZE: 'what is sent is longer than one packet to it may be',
  EPROTO: 'it does not keep to the protocol of the connection',
  ENOENT: (error) => `there is no file ${textOf(error.path)}`.trimEnd(),
  ENOTDIR: (error) => `there is no file ${textOf(error.path)}`.trimEnd(),
  EISDIR: (error) => `${textOf(error.path)} is a folder, not a file`.trimStart(),

  ENOTFOUND: (error) => `the DNS does not know ${textOf(error.hostname) || 'its name'}`,
  EAI_NONAME: 'the DNS does not know its name',
  EAI_NODATA: 'the DNS has no address for its name',
  ENODATA: 'the DNS has no address for its name',
  EAI_AGAIN: DNS_AWAY,
  EAI_FAIL: DNS_AWAY,
  ESERVFAIL: DNS_AWAY,
  ETIMEOUT: DNS_AWAY,
  EREFUSED: DNS_AWAY,

  HPE_INVALID_CONSTANT: noHttpWords,
  HPE_INVALID_VERSION: noHttpWords,
  HPE_HEADER_OVERFLOW: 'the header lines of its answer are longer than 16 KiB',
  HPE_INVALID_CONTENT_LENGTH: lengthWords,
  HPE_UNEXPECTED_CONTENT_LENGTH: lengthWords,
  HPE_CR_EXPECTED: 'a line of its answer does not end in CR LF',
  HPE_LF_EXPECTED: 'a line of its answer does not end in CR LF',
  HPE_STRICT: 'a line of its answer does not end in CR LF',
  HPE_INVALID_HEADER_TOKEN: 'its answer has a header line with characters that none may have',
  HPE_INVALID_STATUS: 'its answer has no status of HTTP',
  HPE_INVALID_CHUNK_SIZE: 'a chunk of its answer has no valid length',
  HPE_INVALID_TRANSFER_ENCODING: 'its answer has a Transfer-Encoding that is not valid',
  HPE_INVALID_EOF_STATE: CUT,
  HPE_CLOSED_CONNECTION: 'it sends more after the end of its answer',

  Z_DATA_ERROR: MISPACKED,
  Z_NEED_DICT: MISPACKED,
  Z_STREAM_ERROR: MISPACKED,
  Z_BUF_ERROR: 'its packed answer ends in the middle',

  ERR_INVALID_URL: 'its address is not a valid URL',
  ERR_UNESCAPED_CHARACTERS: 'its path holds characters that no URL has',
};

/** Words for whole families of codes. */
const KINDS: [RegExp, string][] = [
  [/^HPE_/, 'its answer is not valid HTTP'],
  [/^(ERR__ERROR_|ZSTD_error_)/, MISPACKED],
];

/** Words for errors that have no code, by their name. */
const NAMES: Record<string, string> = {
  TimeoutError: 'no answer in time',
  AbortError: 'it was stopped',
};

/** Call and code as in `connect ECONNREFUSED 10.0.0.7:6379`, for errors where a library has replaced Node's code. */
const CALL = /^(?:connect|read|write|send|bind|getaddrinfo|query\w+|open|scandir) (E[A-Z]+(?:_[A-Z]+)?)\b/;

/**
 * Returns what went wrong between this program and a target, as the end of a sentence whose subject "it" is the target:
 * one line, without the words of OpenSSL, llhttp or libuv. Undefined for errors of another kind.
 */
export function transportWords(error: unknown): string | undefined {
  const given = Object(error) as TransportError;
  // A name with several addresses: each of them says why.
  if (given.message === '' && Array.isArray(given.errors)) {
    const each = given.errors.map(transportWords);
    return each.includes(undefined) ? undefined : [...new Set(each)].join('; ') || undefined;
  }
  if (given.message === 'fetch failed') return transportWords(given.cause);
  const { name } = given;
  const code = given.originalCode ?? given.code;
  const known = wordsOf(textOf(code)) ?? NAMES[ownKey(NAMES, textOf(name))];
  // OpenSSL says more than the code of the call that failed.
  return tlsWords(given, code) ?? told(known ?? wordsOf(codeIn(textOf(given.message))), given);
}

function wordsOf(code: string): Words | undefined {
  return WORDS[ownKey(WORDS, code)] ?? KINDS.find(([kind]) => kind.test(code))?.[1];
}

/** Returns the key if the object has it as its own, else an empty text: "constructor" is no code. */
const ownKey = (words: object, key: string): string => (Object.hasOwn(words, key) ? key : '');

const codeIn = (message: string): string => CALL.exec(message)?.[1] ?? '';

const told = (words: Words | undefined, error: TransportError): string | undefined =>
  typeof words === 'function' ? words(error) : words;

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Returns " at 10.0.0.7:6379" if the error or its message has the address. */
function atOf({ address, port, message }: TransportError): string {
  const host = textOf(address);
  if (host === '') {
    const [, at] = /\bE[A-Z]+ (\S+:\d+)/.exec(textOf(message)) ?? [];
    return at === undefined ? '' : ` at ${at}`;
  }
  const bracketed = host.includes(':') ? `[${host}]` : host;
  return typeof port === 'number' ? ` at ${bracketed}:${port}` : ` at ${bracketed}`;
}

function resetWords({ message, syscall }: TransportError): string {
  const text = textOf(message);
  if (text === 'aborted') return CUT;
  if (text === 'socket hang up') return 'it closed the connection without an answer';
  if (text.includes('before secure TLS connection'))
    return 'it closed the connection before TLS was agreed upon; does it speak TLS on this port?';
  return syscall === 'write' ? 'it reset the connection while it was asked' : 'it reset the connection';
}

function forbiddenWords({ syscall, path }: TransportError): string {
  return FILE_CALLS.includes(textOf(syscall))
    ? `monscale may not read the file ${textOf(path)}`.trimEnd()
    : 'this machine does not let monscale connect there; is there a firewall on it?';
}

/**
 * Returns the words for an answer that is not HTTP; recognizes a TLS record by its first bytes: an alert (21) or a
 * handshake (22), version 3.x.
 */
function noHttpWords({ rawPacket }: TransportError): string {
  const [kind, major] = rawPacket instanceof Uint8Array ? rawPacket : [];
  return (kind === 0x15 || kind === 0x16) && major === 3
    ? 'it speaks TLS on this port; use https://'
    : NO_HTTP;
}

function lengthWords({ reason }: TransportError): string {
  const why = textOf(reason);
  if (why.includes('Transfer-Encoding'))
    return 'its answer has a Content-Length beside its Transfer-Encoding';
  return why.includes('Duplicate')
    ? 'its answer has more than one Content-Length'
    : 'the Content-Length of its answer is no length';
}
