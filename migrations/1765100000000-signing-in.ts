import { randomBytes } from 'node:crypto';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Sessions, limits on failures to sign in, tokens of the first run, and the key that signs cookies. */
export class SigningIn1765100000000 implements MigrationInterface {
  readonly worksWith = 'NewestMatches1764600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE sessions (
        id uuid PRIMARY KEY,
        token_hash bytea NOT NULL UNIQUE,
        user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
        created_at timestamptz NOT NULL,
        last_used_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        address text NOT NULL,
        agent text NOT NULL,
        -- ID token of the provider by which it began, encrypted under the session's own token.
        id_token bytea
      );
      CREATE INDEX sessions_user ON sessions (user_id);
      CREATE INDEX sessions_used ON sessions (last_used_at);

      CREATE TABLE sign_in_limits (
        -- Hash of a user's name or an address.
        key bytea PRIMARY KEY,
        -- Failures in some minutes after which it is locked.
        most int NOT NULL,
        failed timestamptz[] NOT NULL,
        -- Passwords that are being checked.
        trying timestamptz[] NOT NULL,
        locked_until timestamptz NOT NULL,
        -- Times that it was locked in a row.
        locks int NOT NULL,
        touched_at timestamptz NOT NULL
      );
      CREATE INDEX sign_in_limits_touched ON sign_in_limits (touched_at);

      CREATE TABLE setup_tokens (
        token_hash bytea PRIMARY KEY,
        created_at timestamptz NOT NULL
      );

      CREATE TABLE cookie_keys (key bytea NOT NULL);
    `);
    await runner.query('INSERT INTO cookie_keys VALUES ($1)', [randomBytes(32)]);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE sessions, sign_in_limits, setup_tokens, cookie_keys');
  }
}
