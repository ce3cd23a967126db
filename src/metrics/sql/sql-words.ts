/** Sentences for what PostgreSQL and its client say when a read fails. */
import { messageOf } from '../../common/errors';
import { maskTexts } from '../../common/mask-texts';
import { own } from '../../common/records';

const CHARACTERS_AT_MOST = 500;

const NO_POSTGRES = 'what it answers is not as PostgreSQL does; is the port right?';

/** Errors of the client (pg). */
const CLIENT: [RegExp, string][] = [
  [/^The server does not support SSL connections$/, 'it does not support SSL (TLS); sslmode=disable asks without'],
  [/^There was an error establishing an SSL connection$/, 'what answers is not PostgreSQL; is the port right?'],
  [/^(received invalid response: |Received unexpected .* from backend)/, NO_POSTGRES],
  [/^$/, 'it answered an error without a word'],
  [/^(Connection terminated due to connection timeout|timeout expired)/, 'no connection in 10 s'],
  [/^timeout exceeded when trying to connect$/, 'all connections to it were in use for 10 s'],
  [/^Connection terminated unexpectedly$/, 'it closed the connection; is it PostgreSQL that listens there?'],
  [/^(Connection terminated|Client has encountered a connection error|Client was closed)/, 'the connection to it was lost'],
  [/client password must be a (non-empty )?string$|^Password must be a string$/, 'it asks for a password, and the url has none'],
  [/^SASL: .*server signature does not match$/, 'it does not know the password itself: it may be another server'],
  [/^SASL: .*server returned error/, 'user or password is wrong'],
  [/^(SASL|Unknown authenticationOk)/, 'it wants to be logged in to in a way that is not known here'],
]; // prettier-ignore

/**
 * Errors of PostgreSQL, by SQLSTATE (PostgreSQL, appendix A) or its class. PostgreSQL's own message is not repeated, as
 * it may hold what a query has read. `"…"` stands for a name in it, where the query or the url has that name too.
 */
const STATES: Record<string, string> = {
  '42601': 'syntax error at or near "…"',
  '42703': 'column "…" does not exist',
  '42P01': 'relation "…" does not exist',
  '42883': 'a function or operator of it does not exist',
  '42704': 'a type or another object of it does not exist',
  '3F000': 'schema "…" does not exist',
  '3D000': 'database "…" does not exist',
  '42501': 'permission denied for what it asks for',
  '25006': 'it tries to write, in a read-only transaction',
  '28P01': 'password authentication failed: user or password is wrong',
  '28000': 'its server lets this user not in from here',
  '22012': 'division by zero',
  '22P02': 'a value is not of the type that it is read as',
  '22003': 'a number is out of range',
  '21000': 'a part of it that may have one row has several',
  '57014': 'it was cancelled: it takes longer than the timeout, or an administrator ended it',
  '57P01': 'the connection was ended by an administrator',
  '57P03': 'it is starting up, or shutting down',
  '53300': 'it takes no more connections',
  '54001': 'it is too complex',
  P0001: 'it raises an error of its own',
  '08': 'the connection to it was lost',
  '22': 'a value is not as it is wanted',
  '23': 'it breaks a constraint',
  '25': 'the transaction is not in the state for it',
  '28': 'user or password is wrong',
  '40': 'another transaction was in its way',
  '42': 'the query is wrong',
  '53': 'its server is out of memory, disk or connections',
  '54': 'it is too large or too complex',
  '57': 'an administrator stopped it',
  '58': 'its server has trouble with its disk',
  XX: 'its server has an error of its own',
};

/** Error whose message is a sentence already. */
export class Told extends Error {}

/**
 * Describes an error as the end of a sentence, in one line, without the password and without what a query has read.
 *
 * @param asked query, user and database: their names are no news to whoever reads the sentence
 */
export function sqlWords(error: unknown, password?: string, asked = ''): string {
  if (error instanceof Told) return error.message;
  // Of the client, which took what it answers for what it is not.
  if (error instanceof TypeError || error instanceof RangeError) return NO_POSTGRES;
  const message = messageOf(error);
  const state = stateOf(error);
  if (state !== undefined) return stateWords(state, message, asked);
  const known = CLIENT.find(([text]) => text.test(message))?.[1];
  if (known !== undefined) return known;
  return maskTexts(message.replace(/\s+/g, ' '), password ? [password] : []).slice(0, CHARACTERS_AT_MOST);
}

/** Values that are shown as they are: numbers that are none, and truth values. */
const TOLD_VALUE = /^(NaN|-?Infinity|true|false|)$/;

/** Returns why a value is no reading. */
export const noNumber = (text: string): string =>
  TOLD_VALUE.test(text)
    ? `the value is ${JSON.stringify(text)}, no number`
    : 'the value is a text, no number';

/** Returns the SQLSTATE of an error of the server; the client's have none. */
function stateOf(error: unknown): string | undefined {
  const { code, severity } = Object(error) as { code?: unknown; severity?: unknown };
  return typeof severity === 'string' && typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)
    ? code
    : undefined;
}

function stateWords(state: string, message: string, asked: string): string {
  const words = own(STATES, state) ?? own(STATES, state.slice(0, 2)) ?? 'it answered an error';
  const [, name] = /"([^"]{1,100})"/.exec(message) ?? [];
  const told =
    name !== undefined && asked.includes(name)
      ? words.replace('…', () => name)
      : words.replace(' at or near "…"', '').replace(' "…"', '');
  return `${told} (SQLSTATE ${state})`;
}
