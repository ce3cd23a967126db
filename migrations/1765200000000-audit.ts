import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Who did what, from where, and what it changed. Entries are added, and never changed; the retention alone deletes,
 * and says so by a setting of its transaction.
 */
export class Audit1765200000000 implements MigrationInterface {
  readonly worksWith = 'NewestMatches1764600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit (
        -- UUID v7, of the same moment as at
        id uuid PRIMARY KEY,
        at timestamptz NOT NULL,
        actor text NOT NULL,
        via text NOT NULL,
        user_id uuid,
        credential_id text,
        address text NOT NULL,
        action text NOT NULL,
        object_type text NOT NULL,
        object_id text,
        object_name text,
        outcome text NOT NULL,
        -- [{pointer, before, after}], secrets masked
        changes jsonb,
        detail jsonb
      );
      CREATE INDEX audit_actor ON audit (actor, id);
      CREATE INDEX audit_action ON audit (action, id);
      CREATE INDEX audit_outcome ON audit (outcome, id);
      CREATE INDEX audit_object_id ON audit (object_id, id);
      CREATE INDEX audit_object_name ON audit (object_name, id);

      CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF TG_OP = 'DELETE' THEN
          -- Nothing of the last day goes, whatever is said.
          IF current_setting('monscale.audit_retention', true) = 'on' AND OLD.at < now() - interval '1 day' THEN
            RETURN OLD;
          END IF;
        END IF;
        RAISE EXCEPTION 'the audit is append-only: % is refused', TG_OP USING ERRCODE = 'integrity_constraint_violation';
      END $$;
      CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit
        FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
      CREATE TRIGGER audit_not_emptied BEFORE TRUNCATE ON audit
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE audit; DROP FUNCTION refuse_audit_change();');
  }
}
