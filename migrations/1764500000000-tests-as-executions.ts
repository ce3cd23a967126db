import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Actions tried by a person are executions too: of no trigger, and of no service. */
export class TestsAsExecutions1764500000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE executions
        -- 'trigger' or 'test'
        ADD kind text NOT NULL DEFAULT 'trigger',
        ALTER trigger_id DROP NOT NULL,
        ALTER service_id DROP NOT NULL,
        ALTER service_name DROP NOT NULL;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DELETE FROM executions WHERE kind <> 'trigger';
      ALTER TABLE executions
        DROP kind,
        ALTER trigger_id SET NOT NULL,
        ALTER service_id SET NOT NULL,
        ALTER service_name SET NOT NULL;
    `);
  }
}
