import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Users, their grants and API tokens; labels of actions, by which grants can name them. */
export class People1765000000000 implements MigrationInterface {
  readonly worksWith = 'NewestMatches1764600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE users (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        version int NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        display_name text NOT NULL,
        email text,
        groups text[] NOT NULL,
        disabled bool NOT NULL,
        -- Null for whoever signs in by a provider alone.
        password_hash text,
        -- Account of a provider; groups that it named last.
        oidc_issuer text,
        oidc_subject text,
        oidc_groups text[],
        last_sign_in_at timestamptz,
        CONSTRAINT users_name UNIQUE (name),
        CONSTRAINT users_oidc UNIQUE (oidc_issuer, oidc_subject)
      );

      CREATE TABLE api_tokens (
        id uuid PRIMARY KEY,
        name text NOT NULL,
        token_hash bytea NOT NULL UNIQUE,
        -- Null when the built-in administrator made it.
        user_id uuid REFERENCES users ON DELETE CASCADE,
        role text,
        approve bool NOT NULL,
        scope jsonb,
        created_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        last_used_at timestamptz
      );
      CREATE INDEX api_tokens_user ON api_tokens (user_id);

      CREATE TABLE grants (
        id uuid PRIMARY KEY,
        version int NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        -- Exactly one subject.
        user_id uuid REFERENCES users ON DELETE CASCADE,
        group_name text,
        token_id uuid REFERENCES api_tokens ON DELETE CASCADE,
        anonymous bool NOT NULL,
        role text,
        approve bool NOT NULL,
        scope jsonb,
        CHECK (num_nonnulls(user_id, group_name, token_id) + anonymous::int = 1)
      );
      CREATE INDEX grants_user ON grants (user_id);
      CREATE INDEX grants_group ON grants (group_name);

      ALTER TABLE actions ADD labels jsonb NOT NULL DEFAULT '{}';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE actions DROP labels;
      DROP TABLE grants; DROP TABLE api_tokens; DROP TABLE users;
    `);
  }
}
