import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What lists of services filter and sort by, beside the state that it is part of: a list of all of them takes no JSON
 * apart. They have no index, so that a state is written as it was before.
 */
export class ShownStates1765300100000 implements MigrationInterface {
  readonly worksWith = 'NewestMatches1764600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE service_states
        ADD phase text GENERATED ALWAYS AS (state->>'phase') STORED,
        -- The less, the worse.
        ADD severity smallint GENERATED ALWAYS AS
          (CASE state->>'phase' WHEN 'alarm' THEN 0 WHEN 'unknown' THEN 1 WHEN 'pending' THEN 2 ELSE 3 END) STORED,
        ADD reason text GENERATED ALWAYS AS (state->>'reason') STORED,
        -- Milliseconds since 1970.
        ADD since float8 GENERATED ALWAYS AS ((state->>'since')::float8) STORED;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE service_states DROP phase, DROP severity, DROP reason, DROP since;');
  }
}
