import { randomUUID } from 'node:crypto';
import { openTestDatabase } from '../../test/databases';
import { registry } from '../common/telemetry';
import { readConfig } from '../config/config';
import type { Database } from '../database/database';
import { StateMetrics } from './state-metrics';

describe('metrics of what is stored', () => {
  let database: Database;
  let end: () => Promise<void>;
  const shown = async (name: string): Promise<object> =>
    Object.fromEntries(
      (await registry.getSingleMetric(`monscale_${name}`)!.get()).values.map(({ labels, value }) => [
        Object.values(labels).join(' '),
        value,
      ]),
    );
  const NAMES = ['services', 'executions', 'kill_switch'];

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    const service = (isEnabled: boolean, state?: object) =>
      database.rows(
        `WITH made AS (INSERT INTO services (id, name, description, labels, enabled, interval_seconds, slot, polled, metrics, series,
             condition, hold_seconds, wisdom_seconds, repeat, missing_data, policy, action_ids, mode, approval_ttl_seconds, version,
             created_at, updated_at)
           VALUES ($1::uuid, $1::uuid::text, '', '{}', ${isEnabled}, 30, 1, true, '{}', '{}', 'true', 0, 0, true, 'hold', '{}', '{}',
             'auto', 900, 1, now(), now()) RETURNING id)
         INSERT INTO service_states (service_id, state, decision_id) SELECT id, $2, id FROM made WHERE $2::jsonb IS NOT NULL`,
        [randomUUID(), state === undefined ? null : JSON.stringify(state)],
      );
    await service(true, { phase: 'ok', reason: 'condition_false' });
    await service(true, { phase: 'alarm', reason: 'at_max_nodes' });
    await service(true, { phase: 'alarm', reason: 'at_max_nodes' });
    await service(true);
    await service(false, { phase: 'alarm', reason: 'at_max_nodes' });
    for (const status of ['queued', 'unknown', 'unknown', 'awaiting_approval', 'succeeded', 'failed'])
      await database.rows(
        `INSERT INTO executions (id, trigger_id, service_id, service_name, action_id, action_name, justification, variables, attempts,
           created_at, status) VALUES ($1, $1, $1, '', $1, '', '', '{}', '[]', now(), $2)`,
        [randomUUID(), status],
      );
  });
  afterAll(() => end());

  test('are not there before they are known', async () => {
    for (const name of NAMES) expect(await shown(name)).toEqual({});
  });

  test('count services by phase and reason, and executions that somebody has to do something about', async () => {
    await new StateMetrics(database, readConfig({})).round();
    expect(await shown('services')).toEqual({
      'ok condition_false': 1,
      'alarm at_max_nodes': 2,
      'unknown missing_data': 1,
      'disabled disabled': 1,
    });
    expect(await shown('executions')).toEqual({ queued: 1, awaiting_approval: 1, running: 0, waiting: 0, held: 0, unknown: 2 });
    expect(await shown('kill_switch')).toEqual({ '': 0 });
  }); // prettier-ignore

  test('the kill switch is on by either way', async () => {
    await new StateMetrics(database, readConfig({ MONSCALE_KILL_SWITCH: 'on' })).round();
    expect(await shown('kill_switch')).toEqual({ '': 1 });
    await database.rows('UPDATE kill_switch SET is_on = true');
    await new StateMetrics(database, readConfig({})).round();
    expect(await shown('kill_switch')).toEqual({ '': 1 });
  });

  test('go when they can not be read: an old number would look like a new one', async () => {
    const away = { rows: () => Promise.reject(new Error('PostgreSQL is away')) } as unknown as Database;
    await expect(new StateMetrics(away, readConfig({})).round()).rejects.toThrow('away');
    for (const name of NAMES) expect(await shown(name)).toEqual({});
    await new StateMetrics(database, readConfig({})).round();
    for (const name of NAMES) expect(await shown(name)).not.toEqual({});
  });
});
