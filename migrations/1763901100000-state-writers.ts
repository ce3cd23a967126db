import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which transaction wrote the state of a service, so that whoever keeps states in memory learns what is new alone. */
export class StateWriters1763901100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE service_states ADD written_by xid8 NOT NULL DEFAULT pg_current_xact_id();
      CREATE INDEX service_states_written_by ON service_states (written_by);
      -- By a trigger: a writer that forgot it would be a change that nobody learns of.
      CREATE FUNCTION service_states_written() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          NEW.written_by = pg_current_xact_id();
          RETURN NEW;
        END
      $$;
      CREATE TRIGGER service_states_written BEFORE INSERT OR UPDATE ON service_states
        FOR EACH ROW EXECUTE FUNCTION service_states_written();
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TRIGGER service_states_written ON service_states;
      DROP FUNCTION service_states_written;
      ALTER TABLE service_states DROP written_by;
    `);
  }
}
