import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Messages of senders that send one again when its answer was lost, and what was answered: the last two hours of them. */
export class TakenMessages1764500100000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE taken_messages (
        source text NOT NULL,
        message text NOT NULL,
        taken jsonb NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (source, message)
      );
      CREATE INDEX taken_messages_at ON taken_messages (at);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE taken_messages');
  }
}
