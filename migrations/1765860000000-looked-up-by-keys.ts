import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Indexes for what was found by reading a whole table: grants of tokens and of nobody, triggers of a service. */
export class LookedUpByKeys1765860000000 implements MigrationInterface {
  readonly worksWith = 'NewestMatches1764600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX grants_token ON grants (token_id) WHERE token_id IS NOT NULL;
      CREATE INDEX grants_anonymous ON grants (anonymous) WHERE anonymous;
      CREATE INDEX triggers_service ON triggers (service_id, at);`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX grants_token, grants_anonymous, triggers_service');
  }
}
