import { noNumber, sqlWords } from './sql-words';

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

const answer = (code: string, message: string) =>
  Object.assign(new Error(message), { code, severity: 'ERROR' });

test.each([
  ['22P02', 'invalid input syntax for type integer: "hunter2"', 'a value is not of the type that it is read as (SQLSTATE 22P02)'],
  ['42703', 'column "hunter2" does not exist', 'column does not exist (SQLSTATE 42703)'],
  ['42P01', 'relation "orders" does not exist', 'relation "orders" does not exist (SQLSTATE 42P01)'],
  ['42601', 'syntax error at or near "hunter2"', 'syntax error (SQLSTATE 42601)'],
  ['P0001', 'hunter2', 'it raises an error of its own (SQLSTATE P0001)'],
  ['58P01', 'could not open file "hunter2" for reading', 'its server has trouble with its disk (SQLSTATE 58P01)'],
  ['23505', 'duplicate key value: (name)=(hunter2)', 'it breaks a constraint (SQLSTATE 23505)'],
  ['ZZ999', 'hunter2', 'it answered an error (SQLSTATE ZZ999)'],
])('%s tells nothing of what was read: %s', (code, message, words) => {
  expect(sqlWords(answer(code, message), undefined, 'SELECT n FROM orders reader shop')).toBe(words);
}); // prettier-ignore

test('of a value its kind alone is told', () => {
  expect(noNumber('hunter2')).toBe('the value is a text, no number');
  expect(noNumber('NaN')).toBe('the value is "NaN", no number');
});

test('our own words are not masked by a password that is a part of them', () => {
  expect(sqlWords(new Error('Connection terminated unexpectedly'), 'p')).not.toContain('***');
});
