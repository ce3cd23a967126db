/** What PostgreSQL and its client say when a read fails, in words. */
import { messageOf } from '../../common/errors';
import { maskTexts } from '../../common/mask-texts';

const CHARACTERS_AT_MOST = 500;

const NO_POSTGRES = 'what it answers is not as PostgreSQL does; is the port right?';

/** What the client (pg) says; what PostgreSQL itself answers is plain English. */
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

/** Its message is a sentence already. */
export class Told extends Error {}

/** As the end of a sentence, in one line and without the password. */
export function sqlWords(error: unknown, password?: string): string {
  if (error instanceof Told) return error.message;
  // Of the client, which took what it answers for what it is not.
  if (error instanceof TypeError || error instanceof RangeError) return NO_POSTGRES;
  const message = messageOf(error);
  const known = CLIENT.find(([text]) => text.test(message))?.[1];
  if (known !== undefined) return known;
  return maskTexts(message.replace(/\s+/g, ' '), password ? [password] : []).slice(0, CHARACTERS_AT_MOST);
}
