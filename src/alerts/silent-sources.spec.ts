import { silences, type Watched } from './silent-sources';

const at = (second: number) => new Date(second * 1000);
const heartbeat = (lastSeen: number): Watched => ({
  id: 'id',
  name: 'heartbeat',
  silentAfterSeconds: 60,
  lastSeenAt: at(lastSeen),
});
const NONE = new Map<string, Date>();

test('a silence begins when it has lasted long enough, at the same moment for whoever finds it', () => {
  expect(silences([heartbeat(0)], NONE, at(-100), at(59))).toEqual([]);
  for (const now of [60, 61, 70])
    expect(silences([heartbeat(0)], NONE, at(-100), at(now))).toMatchObject([
      {
        dedupKey: 'source_silent id',
        status: 'firing',
        labels: { alertname: 'source_silent', source: 'heartbeat' },
        at: at(60),
      },
    ]);
});

test('one that is raised is not raised again, after a restart neither', () => {
  expect(silences([heartbeat(0)], new Map([['id', at(60)]]), at(-100), at(500))).toEqual([]);
  expect(silences([heartbeat(0)], new Map([['id', at(60)]]), at(400), at(500))).toEqual([]);
});

test('while nobody listened nobody was silent', () => {
  expect(silences([heartbeat(0)], NONE, at(3_600), at(3_659))).toEqual([]);
  expect(silences([heartbeat(0)], NONE, at(3_600), at(3_660))).toMatchObject([{ at: at(3_660) }]);
});

test('it ends when the source speaks, or when nobody asks any more', () => {
  const raised = new Map([['id', at(60)]]);
  const over = [{ dedupKey: 'source_silent id', status: 'resolved' }];
  expect(silences([heartbeat(80)], raised, at(-100), at(81))).toMatchObject(over);
  expect(silences([], raised, at(-100), at(81))).toMatchObject(over);
});
