/** Sentences for what Redis and its client say when a read fails. */
import { messageOf } from '../../common/errors';
import { maskTexts } from '../../common/mask-texts';

const NO_REDIS = 'what it answers is not as Redis does; is the port right?';

/** Errors that Redis answers, by the word that they begin with. */
const REPLIES: Record<string, string> = {
  WRONGTYPE: 'it is not a list',
  NOAUTH: 'it asks for a password, and is given none',
  WRONGPASS: 'user or password is wrong',
  NOPERM: 'the user has not the right: it needs the command LLEN and the key',
  LOADING: 'it is still loading its data',
  MASTERDOWN: 'it is a replica that has lost its master',
  CLUSTERDOWN: 'the Cluster is down, or nobody in it serves the key',
  TRYAGAIN: 'the Cluster is moving the key just now',
  MOVED: 'it is a node of a Cluster, and the key is on another: use redis+cluster://',
  ASK: 'it is a node of a Cluster, and the key is on another: use redis+cluster://',
  BUSY: 'it is busy with a script',
  DENIED: 'it is in protected mode: it lets in nobody from another machine',
  UNKILLABLE: 'it is busy with a script',
};

/** Errors that Redis begins with ERR, and those of its client, by a part of the text. */
const TEXTS: [RegExp, string][] = [
  [/AUTH.* (called )?without any password|no password is set|called without any password/, 'it has no password, and is given one'],
  [/invalid password/, 'user or password is wrong'],
  [/DB index is out of range|invalid DB index/i, 'it has no database of that number (DB index)'],
  [/max number of clients/, 'it takes no more connections (maxclients)'],
  [/^Protocol error, got/, NO_REDIS],
  [/^$/, 'it answered an error without a word'],
  [/^timeout$/, 'no node of the Cluster says in time which keys it has'],
  [/max retries per request|Command aborted|Connection is (closed|aborted|discarded)|Stream isn't writeable|Socket timeout/, 'it can not be reached'],
  [/None of startup nodes|Cluster (is ended|is disconnect|isn't ready)|Failed to refresh slots|Node is disconnected/, 'no node of the Cluster can be reached'],
]; // prettier-ignore

const CHARACTERS_AT_MOST = 300;

/** Describes an error as the end of a sentence, without our password, which old servers repeat in their errors. */
export function redisWords(error: unknown, password?: string): string {
  // Of the client, which took what it answers for what it is not.
  if (error instanceof TypeError || error instanceof RangeError) return NO_REDIS;
  const message = messageOf(error);
  const [word = ''] = message.split(' ', 1);
  if (Object.hasOwn(REPLIES, word))
    return word === 'WRONGTYPE' ? REPLIES[word]! : `${REPLIES[word]} (${word})`;
  const [, last] =
    /^(?:All sentinels are unreachable|Too many Cluster redirections).*Last error: (.*)$/s.exec(message) ??
    [];
  if (message.startsWith('All sentinels are unreachable'))
    return `none of its Sentinels can be asked, or knows that master${last ? `; the last: ${redisWords(new Error(last), password)}` : ''}`;
  if (last !== undefined)
    return `the Cluster sends the question round in a circle: ${redisWords(new Error(last), password)}`;
  const known = TEXTS.find(([text]) => text.test(message))?.[1];
  if (known !== undefined) return known;
  return maskTexts(message.replace(/\s+/g, ' '), password ? [password] : []).slice(0, CHARACTERS_AT_MOST);
}
