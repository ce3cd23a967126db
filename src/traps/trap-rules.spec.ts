import type { Notification } from '../snmp/notification';
import { TrapRules, type TakenNotification } from './trap-rules';

const LINK_DOWN = '1.3.6.1.6.3.1.1.5.3';
const LINK_UP = '1.3.6.1.6.3.1.1.5.4';
const NO_NAMES = { nameOf: () => undefined };

const taken = (
  trapOid: string,
  varbinds: Notification['varbinds'] = [],
  sourceAddress = '10.0.0.1',
): TakenNotification => ({
  id: 'the-id',
  notification: { version: '2c', trapOid, varbinds },
  sourceAddress,
  at: new Date(0),
});
const ifIndex = (n: number) => ({ oid: `1.3.6.1.2.1.2.2.1.1.${n}`, value: n });

describe('what notifications become', () => {
  const alertsOf = (rules: TrapRules, ...args: Parameters<typeof taken>) =>
    rules.alertsOf(taken(...args), NO_NAMES);
  const keys = (alerts: { dedupKey: string }[]) => alerts.map(({ dedupKey }) => dedupKey);

  it('an event lives for 300 s', () => {
    expect(alertsOf(new TrapRules(), '1.3.6.1.4.1.9.1')).toEqual([
      expect.objectContaining({
        id: 'the-id',
        dedupKey: '10.0.0.1 1.3.6.1.4.1.9.1',
        status: 'firing',
        lifeSeconds: 300,
      }),
    ]);
  });

  it('a linkDown lives until the linkUp of its interface and its device', () => {
    const rules = new TrapRules();
    const [down] = alertsOf(rules, LINK_DOWN, [ifIndex(3)]);
    const [end, up] = alertsOf(rules, LINK_UP, [ifIndex(3)]);
    expect(down).toMatchObject({ status: 'firing', lifeSeconds: undefined });
    expect(end).toMatchObject({ status: 'resolved', isEnd: true, dedupKey: down!.dedupKey });
    expect(up).toMatchObject({ status: 'firing', lifeSeconds: 300 });
    const others = [
      ...alertsOf(rules, LINK_DOWN, [ifIndex(4)]),
      ...alertsOf(rules, LINK_DOWN, [ifIndex(3)], '10.0.0.2'),
      ...alertsOf(rules, LINK_DOWN),
    ];
    expect(new Set(keys([down!, ...others])).size).toBe(4);
  });

  it('two devices behind one address are told apart by their inner ones', () => {
    const rules = new TrapRules();
    const linkOf = (trapOid: string, agentAddress: string) => {
      const one = taken(trapOid, [ifIndex(3)], '203.0.113.9');
      return rules.alertsOf({ ...one, notification: { ...one.notification, agentAddress } }, NO_NAMES);
    };
    const [first] = linkOf(LINK_DOWN, '192.168.1.5');
    const [second] = linkOf(LINK_DOWN, '192.168.1.6');
    const [end] = linkOf(LINK_UP, '192.168.1.6');
    expect(first!.labels).toMatchObject({ source_address: '203.0.113.9', agent_address: '192.168.1.5' });
    expect(first!.dedupKey).not.toBe(second!.dedupKey);
    expect(end).toMatchObject({ isEnd: true, dedupKey: second!.dedupKey });
  });

  it('a scalar tells apart by its value, a column by its row', () => {
    const pair = {
      raise: '1.3.6.1.4.1.9.1',
      clear: '1.3.6.1.4.1.9.2',
      key: ['1.3.6.1.4.1.9.7', '.1.3.6.1.4.1.9.8'],
    };
    const varbinds = [
      { oid: '1.3.6.1.4.1.9.70', value: 'another' },
      { oid: '1.3.6.1.4.1.9.7.0', value: 'left' },
      { oid: '1.3.6.1.4.1.9.8.4.2', value: 'x' },
    ];
    expect(keys(alertsOf(new TrapRules([pair]), pair.raise, varbinds))).toEqual([
      '10.0.0.1 1.3.6.1.4.1.9.1 left 4.2',
    ]);
  });

  it('a clear may end several things', () => {
    const [one, two, clear] = ['1.3.6.1.4.1.9.1', '1.3.6.1.4.1.9.2', '1.3.6.1.4.1.9.3'];
    const rules = new TrapRules([
      { raise: one, clear, key: [] },
      { raise: two, clear, key: [], lifeSeconds: 60 },
    ]);
    expect(keys(alertsOf(rules, clear))).toEqual([`10.0.0.1 ${one}`, `10.0.0.1 ${two}`, `10.0.0.1 ${clear}`]);
    expect(alertsOf(rules, two)).toMatchObject([{ lifeSeconds: 60 }]);
  });

  it('a key that is too long for an index is its hash', () => {
    const pair = { raise: '1.3.6.1.4.1.9.1', clear: '1.3.6.1.4.1.9.2', key: ['1.3.6.1.4.1.9.7'] };
    const [alert] = alertsOf(new TrapRules([pair]), pair.raise, [
      { oid: '1.3.6.1.4.1.9.7.0', value: 'x'.repeat(9_000) },
    ]);
    expect(alert!.dedupKey).toMatch(/^[0-9a-f]{32}$/);
  });
});
