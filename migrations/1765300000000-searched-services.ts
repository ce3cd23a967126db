import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The text of each service that searches look through, so that they take none apart. */
export class SearchedServices1765300000000 implements MigrationInterface {
  readonly worksWith = 'NewestMatches1764600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION label_words(labels jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT coalesce(string_agg(l.key || '=' || l.value, E'\\n'), '') FROM jsonb_each_text(labels) l
      $$;
      ALTER TABLE services ADD searched text NOT NULL
        GENERATED ALWAYS AS (lower(name || E'\\n' || description || E'\\n' || label_words(labels))) STORED;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE services DROP searched; DROP FUNCTION label_words;');
  }
}
