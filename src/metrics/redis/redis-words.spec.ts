import { redisWords } from './redis-words';

test.each([
  ['WRONGTYPE Operation against a key holding the wrong kind of value', 'it is not a list'],
  ['NOAUTH Authentication required.', 'it asks for a password, and is given none (NOAUTH)'],
  ['WRONGPASS invalid username-password pair or user is disabled.', 'user or password is wrong (WRONGPASS)'],
  ["NOPERM this user has no permissions to run the 'llen' command", 'the user has not the right: it needs the command LLEN and the key (NOPERM)'],
  ['LOADING Redis is loading the dataset in memory', 'it is still loading its data (LOADING)'],
  ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", 'it is a replica that has lost its master (MASTERDOWN)'],
  ['CLUSTERDOWN Hash slot not served', 'the Cluster is down, or nobody in it serves the key (CLUSTERDOWN)'],
  ['MOVED 3999 10.0.0.9:6381', 'it is a node of a Cluster, and the key is on another: use redis+cluster:// (MOVED)'],
  ['ERR invalid password', 'user or password is wrong'],
  ['ERR Client sent AUTH, but no password is set', 'it has no password, and is given one'],
  ['ERR max number of clients reached', 'it takes no more connections (maxclients)'],
  ['Connection is closed.', 'it can not be reached'],
  ['Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option for details.', 'it can not be reached'],
  ["Stream isn't writeable and enableOfflineQueue options is false", 'it can not be reached'],
  ['Protocol error, got "H" as reply type byte. Please report this.', 'what it answers is not as Redis does; is the port right?'],
  ['None of startup nodes is available', 'no node of the Cluster can be reached'],
  ['Too many Cluster redirections. Last error: ReplyError: MOVED 1 a:1', /^the Cluster sends the question round/],
  ['All sentinels are unreachable and retry is disabled. Last error: connect ECONNREFUSED 10.0.0.7:26379', 'none of its Sentinels can be asked, or knows that master; the last: it refuses connections at 10.0.0.7:26379; does something listen there?'],
  ["ERR unknown command 'AUTH', with args\nbeginning with: 'hush-hush'", "ERR unknown command 'AUTH', with args beginning with: '***'"],
  ['constructor of something', 'constructor of something'],
])('%s', (message, words) => {
  const told = redisWords(new Error(message), 'hush-hush');
  expect(told).toEqual(typeof words === 'string' ? words : expect.stringMatching(words));
}); // prettier-ignore

test("our own words are not masked by a password that is a part of them, and a server's are short", () => {
  expect(redisWords(new Error('Connection is closed.'), 'e')).toBe('it can not be reached');
  expect(redisWords(new Error(`ERR ${'x'.repeat(10_000)}`))).toHaveLength(300);
});
