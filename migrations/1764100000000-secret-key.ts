import type { MigrationInterface, QueryRunner } from 'typeorm';

/** By which key stored secrets are sealed: told by a fingerprint, so that another key is noticed before it is used. */
export class SecretKey1764100000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE secret_key (
        -- One row.
        singleton bool PRIMARY KEY DEFAULT true CHECK (singleton),
        fingerprint text NOT NULL,
        since timestamptz NOT NULL DEFAULT now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE secret_key');
  }
}
