import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What each definition was, version by version, and who made it so. */
export class DefinitionVersions1765200100000 implements MigrationInterface {
  readonly worksWith = 'NewestMatches1764600000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE definition_versions (
        kind text NOT NULL,
        definition_id uuid NOT NULL,
        version int NOT NULL,
        at timestamptz NOT NULL,
        -- Null where nobody wrote down who it was.
        actor text,
        via text,
        user_id uuid,
        -- The columns of its table, named as in the program; secrets are encrypted.
        definition jsonb NOT NULL,
        -- Names of what it refers to, by their ids.
        names jsonb NOT NULL,
        deleted_at timestamptz,
        PRIMARY KEY (definition_id, version)
      );
      CREATE INDEX definition_versions_deleted ON definition_versions (deleted_at) WHERE deleted_at IS NOT NULL;

      ALTER TABLE services ADD approval_by_other bool NOT NULL DEFAULT false, ADD approval_action_ids uuid[] NOT NULL DEFAULT '{}';

      INSERT INTO definition_versions (kind, definition_id, version, at, definition, names)
      SELECT 'infrastructure', id, version, updated_at, jsonb_build_object('name', name, 'description', description,
        'labels', labels, 'minNodes', min_nodes, 'maxNodes', max_nodes, 'upWisdomSeconds', up_wisdom_seconds,
        'downWisdomSeconds', down_wisdom_seconds, 'warmupSeconds', warmup_seconds,
        'maxDirectionChangesPerHour', max_direction_changes_per_hour, 'nodes', nodes, 'loadBalancer', load_balancer), '{}'
      FROM infrastructures;

      INSERT INTO definition_versions (kind, definition_id, version, at, definition, names)
      SELECT 'action', id, version, updated_at, jsonb_build_object('name', name, 'description', description, 'labels', labels,
        'type', type, 'params', params, 'timeoutSeconds', timeout_seconds, 'concurrency', concurrency,
        'targetConcurrency', target_concurrency, 'retry', retry), '{}'
      FROM actions;

      INSERT INTO definition_versions (kind, definition_id, version, at, definition, names)
      SELECT 'source', id, version, updated_at, jsonb_build_object('name', name, 'format', format, 'params', params,
        'silentAfterSeconds', silent_after_seconds, 'services', services, 'labels', labels, 'addLabels', add_labels), '{}'
      FROM sources;

      INSERT INTO definition_versions (kind, definition_id, version, at, definition, names)
      SELECT 'service', id, version, updated_at, jsonb_build_object('name', name, 'description', description, 'labels', labels,
        'enabled', enabled, 'intervalSeconds', interval_seconds, 'metrics', metrics, 'condition', condition,
        'recovery', recovery, 'holdSeconds', hold_seconds, 'wisdomSeconds', wisdom_seconds, 'repeat', repeat,
        'missingData', missing_data, 'infrastructureId', infrastructure_id, 'direction', direction, 'policy', policy,
        'actionIds', action_ids, 'escalations', escalations)
        || jsonb_build_object('expect', expect, 'recoveryActionIds', recovery_action_ids, 'mode', mode,
        'approvalTtlSeconds', approval_ttl_seconds, 'approvalByOther', approval_by_other, 'approvalActionIds', approval_action_ids,
        'maxActionsPerHour', max_actions_per_hour),
        (SELECT coalesce(jsonb_object_agg(u.id, u.name), '{}') FROM (
           SELECT a.id, a.name FROM service_actions sa JOIN actions a ON a.id = sa.action_id WHERE sa.service_id = s.id
           UNION ALL SELECT i.id, i.name FROM infrastructures i WHERE i.id = s.infrastructure_id) u)
      FROM services s;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      'DROP TABLE definition_versions; ALTER TABLE services DROP approval_by_other, DROP approval_action_ids;',
    );
  }
}
