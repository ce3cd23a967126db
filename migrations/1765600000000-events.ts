import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Tables whose new rows are told, and whether a change of a row is told as well. */
const INSERTED = ['decisions', 'definition_changes', 'executions', 'alerts', 'silences', 'kill_switch'];
const UPDATED: readonly (readonly [table: string, when: string])[] = [
  ['executions', 'OLD.status IS DISTINCT FROM NEW.status OR OLD.tries IS DISTINCT FROM NEW.tries'],
  ['silences', 'true'],
  ['kill_switch', 'true'],
];

/**
 * Which transaction wrote what `GET /events` tells, as `service_states` have it, so that whoever tells it learns what is
 * new alone. Rows from before have none.
 */
export class Events1765600000000 implements MigrationInterface {
  readonly worksWith = 'NewestMatches1764600000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of INSERTED)
      await runner.query(`
        -- The default comes after the column: tables with many rows are not written anew.
        ALTER TABLE ${table} ADD written_by xid8;
        ALTER TABLE ${table} ALTER written_by SET DEFAULT pg_current_xact_id();
        CREATE INDEX ${table}_written_by ON ${table} (written_by) WHERE written_by IS NOT NULL;
      `);
    // Alerts, which come by the thousand, have no trigger: the statements that change them say so (src/alerts/ingest).
    for (const [table, when] of UPDATED)
      await runner.query(`
        CREATE TRIGGER ${table}_written BEFORE UPDATE ON ${table}
          FOR EACH ROW WHEN (${when}) EXECUTE FUNCTION service_states_written();
      `);
    await runner.query(`
      -- That somebody may have lost a right, or got one. Rows are only added, so that no change waits for another.
      CREATE TABLE rights_changes (
        id uuid NOT NULL DEFAULT gen_random_uuid(),
        at timestamptz NOT NULL DEFAULT now(),
        written_by xid8 NOT NULL DEFAULT pg_current_xact_id()
      );
      CREATE INDEX rights_changes_written_by ON rights_changes (written_by);
      CREATE FUNCTION rights_changed() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO rights_changes DEFAULT VALUES;
          RETURN NULL;
        END
      $$;
      CREATE TRIGGER users_rights AFTER DELETE OR UPDATE OF disabled, groups, oidc_groups, name ON users
        EXECUTE FUNCTION rights_changed();
      CREATE TRIGGER grants_rights AFTER INSERT OR DELETE OR UPDATE ON grants EXECUTE FUNCTION rights_changed();
      CREATE TRIGGER api_tokens_rights AFTER DELETE OR UPDATE OF role, approve, scope, expires_at, user_id ON api_tokens
        EXECUTE FUNCTION rights_changed();
      -- By row: most signing in deletes none.
      CREATE TRIGGER sessions_rights AFTER DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION rights_changed();
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TRIGGER users_rights ON users;
      DROP TRIGGER grants_rights ON grants;
      DROP TRIGGER api_tokens_rights ON api_tokens;
      DROP TRIGGER sessions_rights ON sessions;
      DROP FUNCTION rights_changed;
      DROP TABLE rights_changes;
    `);
    for (const [table] of UPDATED) await runner.query(`DROP TRIGGER ${table}_written ON ${table}`);
    for (const table of INSERTED) await runner.query(`ALTER TABLE ${table} DROP written_by`);
  }
}
