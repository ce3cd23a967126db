import { sqlWords } from './sql-words';

test.each([
  ['Connection terminated unexpectedly', 'it closed the connection; is it PostgreSQL that listens there?'],
  ['Connection terminated due to connection timeout', 'no connection in 10 s'],
  ['timeout exceeded when trying to connect', 'all connections to it were in use for 10 s'],
  ['Client has encountered a connection error and is not queryable', 'the connection to it was lost'],
  ['There was an error establishing an SSL connection', 'what answers is not PostgreSQL; is the port right?'],
  ['received invalid response: 48', 'what it answers is not as PostgreSQL does; is the port right?'],
  ['SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string', 'it asks for a password, and the url has none'],
  ['SASL: Only mechanism(s) SCRAM-SHA-256 are supported', 'it wants to be logged in to in a way that is not known here'],
  ['connect ECONNREFUSED 10.0.0.8:5432', 'it refuses connections at 10.0.0.8:5432; does something listen there?'],
  ['relation "orders" does not exist', 'relation "orders" does not exist'],
  ['invalid value "hush-hush"\nof a setting', 'invalid value "***" of a setting'],
])('%s', (message, words) => {
  expect(sqlWords(new Error(message), 'hush-hush')).toBe(words);
}); // prettier-ignore

test('our own words are not masked by a password that is a part of them', () => {
  expect(sqlWords(new Error('Connection terminated unexpectedly'), 'p')).not.toContain('***');
});
