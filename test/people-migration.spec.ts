import { createHash } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { createMigrationSource } from '../src/database/data-source';
import { newId } from '../src/common/ids';
import { Api, World } from './program';

/** Last migration of the program before there were people. */
const BEFORE = 'NewestMatches1764600000000';
const TOKEN = 'token-that-a-sender-has';

jest.setTimeout(120_000);

/** A database as the program before people left it. */
async function older(databaseUrl: string, fill: (source: DataSource) => Promise<unknown>): Promise<void> {
  const source = await createMigrationSource(databaseUrl).initialize();
  try {
    await source.runMigrations({ transaction: 'all' });
    for (;;) {
      const [{ name }] = await source.query('SELECT name FROM migrations ORDER BY id DESC LIMIT 1');
      if (name === BEFORE) break;
      await source.undoLastMigration({ transaction: 'all' });
    }
    await fill(source);
  } finally {
    await source.destroy();
  }
}

test('a database of the program before people keeps its token, its sources and its definitions, which get versions', async () => {
  const world = await World.create();
  try {
    const [infrastructure, action, service, source] = [newId(), newId(), newId(), newId()];
    await older(world.databaseUrl, async (database) => {
      const at = "1, now() - interval '1 day', now() - interval '1 hour'";
      const hash = createHash('sha256').update(TOKEN).digest();
      await database.query(
        `INSERT INTO infrastructures (id, name, version, created_at, updated_at, description, labels, min_nodes, max_nodes,
           up_wisdom_seconds, down_wisdom_seconds, warmup_seconds, max_direction_changes_per_hour, nodes)
         VALUES ($1, 'servers', ${at}, '', '{}', 1, 8, 0, 0, 0, 4, '{"type": "static_count", "params": {"value": 2}}')`,
        [infrastructure],
      );
      await database.query(
        `INSERT INTO actions (id, name, version, created_at, updated_at, description, type, params, timeout_seconds, retry)
         VALUES ($1, 'say', ${at}, '', 'log_message', '{"message": "up"}', 30,
           '{"attempts": 5, "backoffSeconds": 2, "maxBackoffSeconds": 300}')`,
        [action],
      );
      await database.query(
        `INSERT INTO services SELECT (jsonb_populate_record(NULL::services, $1)).*`,
        [JSON.stringify({
          id: service, name: 'web', version: 1, created_at: '2026-01-01Z', updated_at: '2026-01-02Z', description: '', labels: {},
          enabled: true, interval_seconds: 10, slot: 1, polled: false, series: {}, condition: 'm > 0', hold_seconds: 0,
          metrics: { m: { type: 'alert', params: { match: { host: 'web' } }, timeoutSeconds: 5 } }, wisdom_seconds: 0, repeat: true,
          missing_data: 'hold', infrastructure_id: infrastructure, direction: 'up', policy: { type: 'fixed', params: { nodes: 1 } },
          action_ids: [action], recovery_action_ids: [], escalations: [], mode: 'shadow', approval_ttl_seconds: 900,
        })],
      );
      await database.query('INSERT INTO service_actions VALUES ($1, $2)', [service, action]);
      await database.query(
        `INSERT INTO sources (id, name, version, created_at, updated_at, format, params, labels, add_labels, token_hash)
         VALUES ($1, 'senders', ${at}, 'native', '{}', '{}', '{}', $2)`,
        [source, hash],
      );
    }); // prettier-ignore

    const { api, url } = await world.start('all');
    expect((await api.get('/services/web')).body).toMatchObject({
      actions: ['say'],
      infrastructure: 'servers',
      approvalByOther: false,
      approvalActions: [],
    });
    const sender = new Api(`${url}/api/v1`, TOKEN);
    expect((await sender.post('/alerts', { labels: { host: 'web' } })).status).toBe(202);
    expect((await sender.get('/services')).status).toBe(403);
    for (const path of ['services/web', 'actions/say', 'infrastructures/servers', 'sources/senders']) {
      const { items } = (await api.get(`/${path}/versions`)).body;
      expect([path, items]).toEqual([
        path,
        [expect.objectContaining({ version: 1, changes: expect.anything() })],
      ]);
      expect(items[0]).not.toHaveProperty('actor');
      const { body: now } = await api.get(`/${path}`);
      const { definition } = (await api.get(`/${path}/versions/1`)).body;
      // What is shown beside a definition is no part of a version.
      expect(now).toMatchObject(definition);
      // Which changes nothing, and makes no version.
      expect((await api.post(`/${path}/versions/1/restore`)).body).toMatchObject({ version: 1 });
    }
    expect((await api.get('/services/web/versions/1/difference?to=1')).body.changes).toEqual([]);
  } finally {
    await world.end();
  }
});
