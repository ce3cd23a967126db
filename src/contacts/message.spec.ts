import { EVENTS, type EventName } from './events';
import { messageOf, type Told } from './message';

const told = (event: EventName, text: string, more: Partial<Told> = {}): Told => ({
  id: text,
  event,
  text,
  since: new Date('2026-11-30T12:00:00Z'),
  facts: { service: 'web' },
  endedAt: null,
  endedHow: null,
  ...more,
});
const over = (event: EventName, text: string, endedHow: string | null) =>
  told(event, text, { endedAt: new Date('2026-11-30T12:05:00Z'), endedHow });

test('one thing is said as it is', () => {
  const { text, items, total, over: ends, leftOut, open } = messageOf([told('failed', 'page for web failed: 500')], [], 0, 1); // prettier-ignore
  expect(text).toBe('page for web failed: 500');
  expect(items).toEqual([
    { id: 'page for web failed: 500', event: 'failed', text: 'page for web failed: 500', since: '2026-11-30T12:00:00.000Z', service: 'web' },
  ]); // prettier-ignore
  expect([total, ends, leftOut, open]).toEqual([1, [], 0, 1]);
});

test('many are counted by what they are, then named; what is over says how', () => {
  const { text } = messageOf(
    [told('blind', 'db is blind'), told('failed', 'a failed'), told('failed', 'b failed')],
    [over('silent_source', 'nothing came from zabbix', 'it speaks again')],
    3,
    4,
  );
  expect(text).toBe(
    [
      '2 executions failed, 1 service is blind; over: 1 speaks again',
      '- db is blind',
      '- a failed',
      '- b failed',
      '- over: nothing came from zabbix (it speaks again)',
      '3 more are not named here',
    ].join('\n'),
  );
});

test.each(EVENTS)('%s has words, alone and when it is over', (event) => {
  expect(messageOf([told(event, 'a'), told(event, 'b')], [], 0, 2).text).toMatch(/^2 \w.+\n- a\n- b$/);
  expect(messageOf([], [over(event, 'a', null)], 1, 0).text).toMatch(
    /^over: a \(\w.+\)\n1 more is not named here$/,
  );
});

test.each([298, 299, 300])('a line is cut between characters, also after %i', (length) => {
  const { text } = messageOf([told('failed', `${'x'.repeat(length)}😀${'y'.repeat(9)}`)], [], 0, 1);
  expect(text.length).toBeLessThanOrEqual(300);
  expect(() => encodeURIComponent(text)).not.toThrow();
});

test('a message has an end, however much there is', () => {
  const many = Array.from({ length: 5_000 }, (_, index) => told('failed', `${index} ${'x'.repeat(500)}`));
  const message = messageOf(many, many.slice(0, 70), 5, 5_000);
  expect(message).toMatchObject({ total: 5_000, overTotal: 70, leftOut: 5 + 4_950 + 20 });
  expect([message.items.length, message.over.length]).toEqual([50, 50]);
  expect(message.text.length).toBeLessThan(4_000);
  expect(message.text).toContain('- and 5060 more\n4975 more are not named here');
});
