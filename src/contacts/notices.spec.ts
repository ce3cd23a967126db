import { randomUUID } from 'node:crypto';
import { openTestDatabase } from '../../test/databases';
import type { Database } from '../database/database';
import { EVENTS, type EventName } from './events';
import { Notices } from './notices';

interface Row extends Record<string, unknown> {
  contact: string;
  event: string;
  text: string;
  status: string;
  how: string | null;
  isOver: boolean;
  isDue: boolean;
}

describe('what happens, as PostgreSQL finds it', () => {
  let database: Database;
  let notices: Notices;
  let end: () => Promise<void>;
  const action = randomUUID();

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    notices = new Notices(database);
    await database.rows(
      `INSERT INTO actions (id, name, description, type, params, timeout_seconds, retry, version, created_at, updated_at)
       VALUES ($1, 'page', '', 'webhook', '{}', 30, '{}', 1, now(), now())`,
      [action],
    );
  });
  afterAll(() => end());
  afterEach(() => database.rows('TRUNCATE contacts, executions, services, service_states, decisions, silences, sources, alerts, trap_refusals, notice_watch CASCADE')); // prettier-ignore

  async function contact(name: string, events: readonly EventName[] = EVENTS, more: { labels?: object; blindFor?: number; askedSince?: string } = {}) {
    const { labels = {}, blindFor = 60, askedSince = '-1 hour' } = more;
    await database.rows(
      `INSERT INTO contacts (id, name, version, created_at, updated_at, description, labels, action_id, events, max_per_hour,
         group_seconds, blind_for_seconds, asked_since)
       VALUES ($1, $2, 1, now(), now(), '', $3, $4, $5, 20, 60, $6,
         (SELECT jsonb_object_agg(event, now() + $7::interval) FROM unnest($5::text[]) AS event))`,
      [randomUUID(), name, JSON.stringify(labels), action, events, blindFor, askedSince],
    );
  } // prettier-ignore

  async function service(name: string, labels: object = {}, more: { state?: object; enabled?: boolean } = {}): Promise<string> {
    const id = randomUUID();
    await database.rows(
      `INSERT INTO services (id, name, description, labels, enabled, interval_seconds, slot, polled, metrics, series, condition,
         hold_seconds, wisdom_seconds, repeat, missing_data, policy, action_ids, mode, approval_ttl_seconds, version, created_at, updated_at)
       VALUES ($1, $2, '', $3, $4, 10, 0, true, '{}', '{}', 'a > 0', 0, 0, true, 'hold', '{}', '{}', 'auto', 60, 1, now(), now())`,
      [id, name, JSON.stringify(labels), more.enabled ?? true],
    );
    if (more.state !== undefined) await state(id, more.state);
    return id;
  } // prettier-ignore

  async function state(id: string, one: object): Promise<void> {
    const decision = randomUUID();
    await database.rows(
      `INSERT INTO decisions (id, service_id, started_at, phase, reason, explanation, metric_values)
       VALUES ($1, $2, now() - interval '10 minutes', '', '', 'no answer', '{}')`,
      [decision, id],
    );
    await database.rows(
      `INSERT INTO service_states (service_id, state, decision_id) VALUES ($1, $2, $3)
       ON CONFLICT (service_id) DO UPDATE SET state = excluded.state, decision_id = excluded.decision_id`,
      [id, JSON.stringify(one), decision],
    );
  }

  async function execution(
    status: string,
    more: { kind?: string; ended?: string; service?: string; outcome?: string } = {},
  ): Promise<string> {
    const id = randomUUID();
    const { kind = 'trigger', ended = '0', service: of = null, outcome = 'permanent' } = more;
    await database.rows(
      `INSERT INTO executions (id, kind, trigger_id, service_id, service_name, action_id, action_name, justification, variables, status,
         created_at, finished_at, attempts)
       VALUES ($1, $2, $1, CASE WHEN $2 = 'trigger' THEN $3::uuid END, 'web', $4, 'page', 'load is 93',
         jsonb_build_object('service', jsonb_build_object('id', $3::uuid)), $5, now(),
         CASE WHEN $5 IN ('failed', 'unknown', 'succeeded') THEN now() + $6::interval END,
         jsonb_build_array(jsonb_build_object('outcome', $7::text, 'error', '500')))`,
      [id, kind, of, action, status, ended, outcome],
    );
    return id;
  }

  const look = async (...events: EventName[]): Promise<Row[]> => {
    expect(await notices.gather(events.length === 0 ? EVENTS : events)).toBe(true);
    return database.rows<Row>(
      `SELECT c.name AS contact, n.event, n.text, n.status, n.ended_how AS how, n.ended_at IS NOT NULL AS "isOver", n.is_due AS "isDue"
       FROM notices n JOIN contacts c ON c.id = n.contact_id ORDER BY n.id`,
    );
  };
  const told = () =>
    database.rows(`UPDATE notices SET status = 'told', is_due = false WHERE status = 'waiting'`);
  const events = (rows: readonly Row[]) => rows.map(({ contact: name, event }) => `${name} ${event}`).sort();

  test('what ended badly is found once for each contact that asks; tests, messages and what a person said are not', async () => {
    await contact('all');
    await contact('some', ['failed']);
    await execution('failed');
    await execution('unknown');
    await execution('failed', { kind: 'approval' });
    await execution('failed', { kind: 'test' });
    await execution('failed', { kind: 'notice' });
    await execution('failed', { outcome: 'person' });
    await execution('succeeded');
    const found = ['all failed', 'all failed', 'all unknown', 'some failed', 'some failed'];
    expect(events(await look())).toEqual(found);
    expect(events(await look())).toEqual(found);
  });

  test('what ended before the contact asked is old news; what was written down a little late is not', async () => {
    await contact('new', ['failed'], { askedSince: '-5 minutes' });
    await execution('failed', { ended: '-6 minutes' });
    await execution('failed', { ended: '-4 minutes' });
    expect(await look('failed')).toHaveLength(1);
    await execution('failed', { ended: '-30 seconds' });
    expect(await look('failed')).toHaveLength(2);
  });

  test('what happened while nobody looked is found afterwards, and a clock that was ahead hides nothing', async () => {
    await contact('all', ['failed'], { askedSince: '-2 days' });
    await database.rows(`INSERT INTO notice_watch VALUES ('failed', now() - interval '1 day')`);
    await execution('failed', { ended: '-20 hours' });
    expect(await look('failed')).toHaveLength(1);
    await database.rows(`UPDATE notice_watch SET until = now() + interval '10 hours'`);
    await execution('failed', { ended: '-1 second' });
    expect(await look('failed')).toHaveLength(2);
  });

  test('while it is retried it is not over; that it was done after all is; failing again is another time', async () => {
    await contact('all', ['failed']);
    const [again, done] = [await execution('failed', { ended: '-9 seconds' }), await execution('failed')];
    await look('failed');
    await told();
    await database.rows(`UPDATE executions SET status = 'queued', finished_at = NULL`);
    expect((await look('failed')).map(({ isOver }) => isOver)).toEqual([false, false]);
    await database.rows(`UPDATE executions SET status = 'failed', finished_at = now() WHERE id = $1`, [
      again,
    ]);
    await database.rows(`UPDATE executions SET status = 'succeeded', finished_at = now() WHERE id = $1`, [
      done,
    ]);
    expect(
      (await look('failed')).map(({ status, how, isOver, isDue }) => [status, how, isOver, isDue]),
    ).toEqual([
      ['told', null, true, false],
      ['told', 'it succeeded', true, true],
      ['waiting', null, false, true],
    ]);
    // Of what is gone nobody can tell how it ended.
    await database.rows('DELETE FROM executions');
    expect((await look('failed')).at(-1)).toMatchObject({ isOver: true, how: null });
  });

  test('a contact with labels hears of services that have them, of sources whose alerts carry them, and of silences that cover one', async () => {
    await contact('web', EVENTS, { labels: { team: 'web' } });
    await contact('none', EVENTS, { labels: { team: 'web', site: 'x' } });
    const [web, db] = [await service('web-1', { team: 'web' }), await service('db-1', { team: 'db' })];
    for (const one of [web, db]) {
      await execution('awaiting_approval', { service: one });
      await execution('failed', { service: one });
      await execution('unknown', { service: one, kind: 'approval' });
    }
    await execution('failed');
    for (const [name, team] of [['w', 'web'], ['d', 'db']]) {
      const id = randomUUID();
      await database.rows(
        `INSERT INTO sources (id, name, format, params, token_hash, version, created_at, updated_at, labels, add_labels)
         VALUES ($1, $2, 'native', '{}', decode(md5($2), 'hex'), 1, now(), now(), '{}', jsonb_build_object('team', $3::text))`,
        [id, name, team],
      );
      await database.rows(
        `INSERT INTO alerts (id, source, format, dedup_key, status, labels, annotations, at, received_at, last_seen_at, is_current, revision, processed)
         VALUES ($1, 'monscale', 'native', $2, 'firing', '{}', '{}', now(), now(), now(), true, 1, 1)`,
        [randomUUID(), `source_silent ${id}`],
      );
      await database.rows(
        `INSERT INTO trap_refusals (address, reason, source_id, count, first_at, last_at) VALUES ('192.0.2.1', 'r', $1, 1, now(), now())`,
        [id],
      );
      await database.rows(
        `INSERT INTO silences (id, version, created_at, updated_at, owner, match, mutes, starts_at, ends_at, reason, on_end)
         VALUES ($1, 1, now(), now(), 'anna', jsonb_build_object('labels', jsonb_build_object('team', $2::text)), 'actions',
           now() - interval '95 minutes', now() + interval '5 minutes', $2, 'act')`,
        [randomUUID(), team],
      );
    } // prettier-ignore
    expect(events(await look())).toEqual(
      ['approval', 'failed', 'refused_sender', 'silence_ending', 'silent_source', 'unknown'].map((event) => `web ${event}`),
    ); // prettier-ignore
  });

  const MINUTE = 60_000;
  const blind = (minutes: number, reason = 'missing_data', phase = 'unknown') => ({
    phase,
    reason,
    since: Date.now() - minutes * MINUTE,
  });

  test.each([
    ['nothing is read', blind(2), true],
    ['nobody reads', blind(2, 'not_polled'), true],
    ['not for long enough', blind(0.5), false],
    ['its nodes can not be counted, for as long as the ledger says so', blind(0, 'nodes_unknown', 'alarm'), true],
    ['a policy has no value', blind(0, 'missing_data', 'alarm'), true],
    ['it is in alarm', blind(9, 'triggered', 'alarm'), false],
    ['it is disabled', blind(9, 'disabled'), false],
  ])('blind: %s', async (_, one, isFound) => {
    await contact('all', ['blind']);
    await service('web', {}, { state: one });
    await service('off', {}, { state: one, enabled: false });
    expect((await look('blind')).map(({ text }) => text)).toEqual(isFound ? [expect.stringMatching(/^web is blind since .+: no answer$/)] : []);
  }); // prettier-ignore

  test('each contact has its own patience, and a service that sees is told to see', async () => {
    await contact('soon', ['blind'], { blindFor: 0 });
    await contact('late', ['blind'], { blindFor: 600 });
    const id = await service('web', {}, { state: blind(5) });
    expect(events(await look('blind'))).toEqual(['soon blind']);
    await told();
    await state(id, { phase: 'ok', reason: 'condition_false', since: Date.now() });
    expect((await look('blind'))[0]).toMatchObject({ how: 'it sees again', isDue: true });
    await state(id, blind(0.1));
    expect(events(await look('blind'))).toEqual(['soon blind', 'soon blind']);
  });

  test('a silence is told when a tenth of it is left; one that is prolonged is told again, and what became of it', async () => {
    await contact('all', ['silence_ending']);
    const id = randomUUID();
    await database.rows(
      `INSERT INTO silences (id, version, created_at, updated_at, owner, match, mutes, starts_at, ends_at, reason, on_end)
       VALUES ($1, 1, now(), now(), 'anna', '{"services": []}', 'notifications', now() - interval '89 minutes', now() + interval '11 minutes', 'r', 'act')`,
      [id],
    );
    expect(await look()).toEqual([]);
    await database.rows(`UPDATE silences SET starts_at = starts_at - interval '2 hours'`);
    expect(await look()).toHaveLength(1);
    await told();
    await database.rows(`UPDATE silences SET ends_at = ends_at + interval '5 minutes'`);
    expect((await look()).map(({ how, status }) => [how?.slice(0, 10) ?? null, status])).toEqual([['it ends at', 'told'], [null, 'waiting']]); // prettier-ignore
    await database.rows(`UPDATE silences SET ended_at = now(), ended_by = 'bert'`);
    expect((await look()).at(-1)).toMatchObject({ how: 'ended early by bert' });
  });

  test('a sender that goes on being refused is one notice, until there was quiet', async () => {
    await contact('all', ['refused_sender']);
    await database.rows(`INSERT INTO trap_refusals (address, reason, count, first_at, last_at) VALUES ('192.0.2.1', 'r', 1, now(), now())`);
    await look();
    await database.rows(`UPDATE trap_refusals SET last_at = now(), count = 99`);
    expect(await look()).toHaveLength(1);
    await told();
    await database.rows(`UPDATE trap_refusals SET last_at = now() - interval '16 minutes'`);
    expect((await look())[0]).toMatchObject({ isOver: true, isDue: true });
    await database.rows(`UPDATE trap_refusals SET last_at = now()`);
    const rows = await look();
    expect(rows).toHaveLength(2);
    expect(JSON.stringify(rows)).not.toContain('192.0.2.1');
  }); // prettier-ignore

  test('two processes that look at one time find each thing once', async () => {
    await contact('all');
    for (let index = 0; index < 20; index++) await execution('failed');
    const other = new Notices(database);
    const looks = await Promise.all([notices.gather(EVENTS), other.gather(EVENTS), notices.gather(EVENTS)]);
    expect(looks).toContain(true);
    expect(await look()).toHaveLength(20);
  });
});
