import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Links by which one execution can be approved or rejected; of their tokens only hashes are kept. */
export class ApprovalLinks1765200200000 implements MigrationInterface {
  readonly worksWith = 'NewestMatches1764600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE approval_links (
        token_hash bytea PRIMARY KEY,
        execution_id uuid NOT NULL,
        expires_at timestamptz NOT NULL
      );
      CREATE INDEX approval_links_execution ON approval_links (execution_id);
      CREATE INDEX approval_links_expires ON approval_links (expires_at);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE approval_links');
  }
}
