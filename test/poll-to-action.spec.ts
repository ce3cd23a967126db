import { setTimeout as sleep } from 'node:timers/promises';
import { until, type Api } from './program';
import { Scenario } from './scenario';
import { hasSnmpd, SNMPD_USER, startSnmpd, SYS_SERVICES } from './stand-ins/snmpd';

const INTERVAL_MS = 1_000;
/** The program goes by PostgreSQL's clock, which it knows within half a round trip: on a busy machine that is long. */
const CLOCKS_APART_MS = 250;
/** What reading, deciding and sending may take, beside waiting for the next poll. */
const SLACK_MS = 5_000;

const ms = (moment: string): number => Date.parse(moment);

describe('from poll to action', () => {
  let story: Scenario;
  let api: Api;

  beforeAll(async () => {
    story = await Scenario.begin();
    ({ api } = story);
    await story.useLists();
  }, 60_000);
  afterAll(() => story?.end());

  const watch = (name: string, changes: object = {}) => story.watch(name, { wisdomSeconds: 5, ...changes });

  it.concurrent(
    'a lasting breach triggers after its hold, once per wisdom time, and everything tells the same story',
    async () => {
      await watch('orders');
      await story.becomes('orders', 'ok', 5_000);
      const breachedAt = Date.now();
      await story.fill('orders');

      await story.isTold('orders', 1, 6_000);
      const firstMs = Date.now() - breachedAt;
      expect(firstMs).toBeGreaterThanOrEqual(2_000 - CLOCKS_APART_MS);
      expect(firstMs).toBeLessThan(2_000 + INTERVAL_MS + SLACK_MS);
      const inAlarm = await story.state('orders');
      expect(inAlarm).toMatchObject({ phase: 'alarm', values: { waiting: { value: 3 } } });
      expect(ms(inAlarm.wisdomUntil) - ms(inAlarm.lastTriggeredAt)).toBe(5_000);

      await story.isTold('orders', 2, 7_000);
      await story.lists.del('orders');
      const recovered = await story.becomes('orders', 'ok', 3_000);
      expect(recovered).toMatchObject({
        reason: 'condition_false',
        explanation: 'waiting is 0; "waiting > 2" is false',
        values: { waiting: { value: 0 } },
      });

      const ledger = await story.ledger('orders');
      ledger.slice(1).forEach((interval, index) => expect(interval.from).toBe(ledger[index].to));
      expect(ledger.at(-1)).not.toHaveProperty('to');
      expect(ledger.map(({ phase, reason }) => `${phase} ${reason}`)).toEqual([
        'ok condition_false',
        'pending holding',
        'alarm triggered',
        'alarm holding',
        'alarm wisdom',
        'alarm triggered',
        ...(ledger.length === 8 ? ['pending holding'] : []),
        'ok condition_false',
      ]);
      const triggers = ledger.filter(({ reason }) => reason === 'triggered');
      expect(ms(triggers[1].from) - ms(triggers[0].from)).toBe(5_000);
      expect(triggers[0].explanation).toMatch(/^waiting is 3, over 2 for 2 s; triggered at \d\d:\d\d:\d\dZ$/);

      const executions = (await api.all('/executions?service=orders')).reverse();
      expect(executions).toMatchObject(
        triggers.map(({ trigger, explanation }) => ({
          trigger,
          justification: explanation,
          status: 'succeeded',
          attempts: [{ outcome: 'succeeded' }],
        })),
      );
      expect(story.told('orders').map(({ headers }) => headers['idempotency-key'])).toEqual(
        executions.map(({ idempotencyKey }) => idempotencyKey),
      );
      expect(story.told('orders').map(({ body }) => JSON.parse(body))).toMatchObject(
        triggers.map(({ trigger, explanation }) => ({
          trigger: { id: trigger, justification: explanation },
          values: { waiting: 3 },
        })),
      );

      const { points } = (await api.get('/services/orders/samples?metric=waiting')).body;
      const breached = points.filter(([, value]: [string, number]) => value === 3);
      expect(points.every(([, value]: [string, number]) => value === 3 || value === 0)).toBe(true);
      // A reading at both ends of the hold, and every second in between.
      expect(breached[0][0]).toBe(ledger[1].from);
      expect(breached[2][0]).toBe(triggers[0].from);
    },
    40_000,
  );

  it.concurrent(
    'a list that is none any more is missing data: nothing triggers, and the hold stands still',
    async () => {
      await watch('blind', { holdSeconds: 4 });
      await story.fill('blind');
      await story.becomes('blind', 'pending', 5_000);
      const isReadTwice = async () => (await api.get('/services/blind/samples')).body.points.length >= 2;
      await until(isReadTwice, 3_000);
      await story.lists.set('blind', 'no list');
      const unknown = await story.becomes('blind', 'unknown', 3_000);
      expect(unknown.reason).toBe('missing_data');
      expect(unknown.explanation).toMatch(/^waiting can't be read: .*it is not a list; nothing triggers/);
      expect(unknown.values.waiting.error).toContain('it is not a list');

      // Longer than the whole hold.
      await sleep(5_000);
      expect(story.told('blind')).toHaveLength(0);
      await story.fill('blind');
      await story.isTold('blind', 1, 7_000);

      const ledger = await story.ledger('blind');
      expect(ledger.map(({ reason }) => reason)).toEqual(['holding', 'missing_data', 'holding', 'triggered']);
      const [pending, missing, again, trigger] = ledger.map(({ from }) => ms(from)) as [
        number,
        number,
        number,
        number,
      ];
      // What was seen before the gap counts up to the last reading, which is up to an interval before its begin.
      const stillToHold = 4_000 - (missing - pending);
      expect(trigger - again).toBeGreaterThanOrEqual(stillToHold);
      expect(trigger - again).toBeLessThanOrEqual(stillToHold + 2 * INTERVAL_MS + SLACK_MS);
    },
    40_000,
  );

  it.concurrent(
    'in shadow mode everything happens but the act',
    async () => {
      await watch('tried', { mode: 'shadow', holdSeconds: 0 });
      await story.fill('tried');
      const [execution] = await until(async () => {
        const executions = await api.all('/executions?service=tried');
        return executions.length > 0 && executions;
      }, 5_000);
      expect(execution).toMatchObject({ status: 'shadowed', attempts: [] });
      const [shadowed] = (await story.ledger('tried')).filter(({ trigger }) => trigger);
      expect(shadowed).toMatchObject({ phase: 'alarm', reason: 'shadowed', trigger: execution.trigger });
      expect(shadowed.explanation).toContain('would have triggered');
      await sleep(2_000);
      expect(story.told('tried')).toHaveLength(0);
    },
    20_000,
  );

  (hasSnmpd ? it.concurrent : it.skip)(
    'a real SNMP agent is read in versions 1 and 2c, and in version 3 with authentication and encryption',
    async () => {
      const agent = await startSnmpd();
      try {
        const { port } = agent;
        const versions = {
          v1: { version: '1', community: 'public' },
          v2c: { version: '2c', community: 'public' },
          v3: { version: '3', v3: SNMPD_USER },
          wrong: { version: '3', v3: { ...SNMPD_USER, authKey: 'another-password' } },
        };
        for (const [name, params] of Object.entries(versions)) {
          const read = {
            type: 'snmp_oid',
            params: { host: '127.0.0.1', port, oid: SYS_SERVICES, ...params },
          };
          await watch(name, { metrics: { services: read }, condition: 'services > 70', holdSeconds: 0 });
        }
        await until(() => ['v1', 'v2c', 'v3'].every((name) => story.told(name).length === 1), 6_000);
        expect(JSON.parse(story.told('v3')[0]!.body)).toMatchObject({ values: { services: 72 } });
        const wrong = await until(async () => {
          const state = await story.state('wrong');
          return state.reason === 'missing_data' && state.explanation.includes('wrong digest') && state;
        }, 5_000);
        expect(wrong).toMatchObject({ phase: 'unknown', reason: 'missing_data' });
        expect(story.told('wrong')).toHaveLength(0);
      } finally {
        for (const name of ['v1', 'v2c', 'v3', 'wrong'])
          await api.patch(`/services/${name}`, { enabled: false });
        await agent.close();
      }
    },
    30_000,
  );
});
