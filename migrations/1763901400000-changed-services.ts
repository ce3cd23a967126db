import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Services that no poll looks at and that are new or changed, until they were evaluated: a job for that may be lost. */
export class ChangedServices1763901400000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE changed_services (
        service_id uuid PRIMARY KEY REFERENCES services ON DELETE CASCADE,
        version int NOT NULL,
        changed_at timestamptz NOT NULL
      );
      INSERT INTO changed_services SELECT id, version, now() FROM services s
        WHERE NOT polled AND NOT EXISTS (SELECT FROM service_states st WHERE st.service_id = s.id);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE changed_services');
  }
}
