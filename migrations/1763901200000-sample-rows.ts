import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Samples of a service and moment are one row: series become a group and a place in it. What was recorded is carried
 * over. Roll-ups get their tables.
 */
export class SampleRows1763901200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await setAside(runner, 'samples_before');
    await runner.query(`
      ALTER SEQUENCE series_id RENAME TO series_group_id;

      -- A group is called by the first of its series.
      CREATE TEMP TABLE places ON COMMIT DROP AS
        SELECT id, metric, series_id, first_value(series_id) OVER (PARTITION BY id, number / 100 ORDER BY number)::int AS group_id,
          (number % 100)::int AS place
        FROM (
          SELECT s.id, m.key AS metric, m.value::int AS series_id,
            row_number() OVER (PARTITION BY s.id ORDER BY m.value::int) - 1 AS number
          FROM services s, jsonb_each_text(s.series) m) numbered;
      UPDATE services s SET series = p.series
      FROM (SELECT id, jsonb_object_agg(metric, group_id::bigint * 100 + place) AS series FROM places GROUP BY 1) p
      WHERE p.id = s.id;

      CREATE TABLE samples (
        group_id int NOT NULL,
        at timestamptz NOT NULL,
        -- By place; NULL where nothing was read.
        readings float8[] NOT NULL,
        PRIMARY KEY (group_id, at)
      ) PARTITION BY RANGE (at);
      ${PARTITIONS_AS_BEFORE}

      CREATE FUNCTION pg_temp.put(readings float8[], place int, value float8) RETURNS float8[] LANGUAGE plpgsql
        AS $$ BEGIN readings[place + 1] := value; RETURN readings; END $$;
      CREATE AGGREGATE pg_temp.placed(int, float8) (sfunc = pg_temp.put, stype = float8[], initcond = '{NULL}');
      INSERT INTO samples (group_id, at, readings)
        -- Of services that are gone, each series is its own group.
        SELECT coalesce(p.group_id, s.series_id), s.at, pg_temp.placed(coalesce(p.place, 0), s.value)
        FROM samples_before s LEFT JOIN places p USING (series_id) GROUP BY 1, 2;
      DROP AGGREGATE pg_temp.placed(int, float8);
      DROP FUNCTION pg_temp.put(float8[], int, float8);
      DROP TABLE samples_before;

      -- Of each series, by place: count, sum, min, max, last.
      CREATE TABLE samples_5m (
        group_id int NOT NULL,
        at timestamptz NOT NULL,
        numbers float8[] NOT NULL,
        PRIMARY KEY (group_id, at)
      ) PARTITION BY RANGE (at);
      CREATE TABLE samples_1h (LIKE samples_5m INCLUDING ALL) PARTITION BY RANGE (at);
      -- Steps that end by then are rolled up.
      CREATE TABLE roll_ups (step_seconds int PRIMARY KEY, done_until timestamptz NOT NULL);
      INSERT INTO roll_ups VALUES (300, '-infinity'), (3600, '-infinity');
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await setAside(runner, 'samples_before');
    await runner.query(`
      DROP TABLE samples_5m, samples_1h, roll_ups;
      ALTER SEQUENCE series_group_id RENAME TO series_id;

      CREATE TEMP TABLE places ON COMMIT DROP AS
        SELECT s.id, m.key AS metric, (m.value::bigint / 100)::int AS group_id, (m.value::bigint % 100)::int AS place,
          nextval('series_id')::int AS series_id
        FROM services s, jsonb_each_text(s.series) m;
      UPDATE services s SET series = p.series
      FROM (SELECT id, jsonb_object_agg(metric, series_id) AS series FROM places GROUP BY 1) p
      WHERE p.id = s.id;

      CREATE TABLE samples (
        series_id int NOT NULL,
        at timestamptz NOT NULL,
        value float8 NOT NULL,
        PRIMARY KEY (series_id, at)
      ) PARTITION BY RANGE (at);
      ${PARTITIONS_AS_BEFORE}
      INSERT INTO samples (series_id, at, value)
        SELECT p.series_id, s.at, s.readings[p.place + 1] FROM samples_before s JOIN places p USING (group_id)
        WHERE s.readings[p.place + 1] IS NOT NULL;
      DROP TABLE samples_before;
    `);
  }
}

/** The table under another name, with its partitions and indexes: their names are taken by what comes instead. */
async function setAside(runner: QueryRunner, name: string): Promise<void> {
  await runner.query(`
    DO $$ DECLARE one record; BEGIN
      FOR one IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'samples'::regclass
      LOOP
        EXECUTE format('ALTER TABLE %I RENAME TO %I', one.relname, 'before_' || one.relname);
        EXECUTE format('ALTER INDEX %I RENAME TO %I', one.relname || '_pkey', 'before_' || one.relname || '_pkey');
      END LOOP;
    END $$;
    ALTER TABLE samples RENAME TO ${name};
    ALTER INDEX samples_pkey RENAME TO ${name}_pkey;
  `);
}

/** Of `samples`, those that `samples_before` has. */
const PARTITIONS_AS_BEFORE = `
  DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bound
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'samples_before'::regclass
    LOOP
      EXECUTE format('CREATE TABLE %I PARTITION OF samples %s', substr(one.relname, length('before_') + 1), one.bound);
    END LOOP;
  END $$;`;
