import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The flap budget of infrastructures, the kill switch, and why a decision was what it was. */
export class TrustedRules1763900000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE infrastructures ADD max_direction_changes_per_hour int NOT NULL DEFAULT 6;
      ALTER TABLE infrastructure_states
        ADD last_direction text,
        -- Of the last hour.
        ADD direction_changes timestamptz[] NOT NULL DEFAULT '{}',
        ADD frozen_until timestamptz;

      -- The condition with its values, the guard that stopped it, and what would have to change.
      ALTER TABLE decisions ADD why jsonb;

      CREATE TABLE kill_switch (
        is_on bool NOT NULL,
        reason text NOT NULL,
        changed_at timestamptz
      );
      INSERT INTO kill_switch VALUES (false, '', NULL);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE kill_switch;
      ALTER TABLE decisions DROP why;
      ALTER TABLE infrastructure_states DROP last_direction, DROP direction_changes, DROP frozen_until;
      ALTER TABLE infrastructures DROP max_direction_changes_per_hour;
    `);
  }
}
