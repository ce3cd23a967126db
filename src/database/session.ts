import type { ClientBase } from 'pg';

/**
 * Settings that statements and the reading of their answers rest on. A server, a database or a role may have others by
 * default: numbers of fewer digits, moments in another order, another isolation.
 */
const SETTINGS = {
  DateStyle: 'ISO',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  // All digits of a float8.
  extra_float_digits: '3',
  bytea_output: 'hex',
  array_nulls: 'on',
  standard_conforming_strings: 'on',
  transform_null_equals: 'off',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
};

const SET = Object.entries(SETTINGS)
  .map(([name, value]) => `SET ${name} = '${value}'`)
  .join('; ');

/**
 * Gives a new session the settings that it must have. By a statement of its own: poolers and proxies before PostgreSQL
 * refuse options of the connection.
 */
export async function setUpSession(client: ClientBase): Promise<void> {
  await client.query(SET);
}
