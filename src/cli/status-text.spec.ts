import { statusText, type StatusFacts } from './status-text';

const process = (roles: string[], lives = true) => ({
  roles,
  host: 'h',
  pid: 7,
  startedAt: '2026-11-30T10:00:00Z',
  seenAt: '2026-11-30T11:00:00Z',
  lives,
});

const calm: StatusFacts = {
  killSwitch: { on: false },
  services: { total: 2, phases: { ok: 2, pending: 0, alarm: 0, unknown: 0 } },
  troubled: [],
  waiting: [
    { status: 'awaiting_approval', total: 0, items: [] },
    { status: 'unknown', total: 0, items: [] },
  ],
  system: {
    status: 'up',
    checks: { database: { status: 'up' } },
    processes: [process(['api', 'scheduler']), process(['worker'])],
    queues: [{ queue: 'polls', waiting: 1, active: 2, delayed: 3 }],
  },
};

test('where all is well it says so, and what lives', () => {
  const { text, isWell } = statusText(calm);
  expect(isWell).toBe(true);
  expect(text.split('\n')).toEqual([
    'nothing is wrong',
    'nothing waits for a person',
    '2 enabled services: 2 ok, 0 pending, 0 alarm, 0 unknown',
    'processes:',
    '  api, scheduler on h, process 7, since 2026-11-30T10:00:00Z',
    '  worker on h, process 7, since 2026-11-30T10:00:00Z',
    'queues:',
    '  polls: 1 waiting, 2 active, 3 delayed',
  ]);
});

const alarm = {
  name: 'web',
  state: { phase: 'alarm', reason: 'wisdom', since: 'T', explanation: 'too hot' },
};
const system = calm.system!;

// prettier-ignore
test.each<[string, Partial<StatusFacts>, string]>([
  ['the kill switch is on', { killSwitch: { on: true, by: 'anna', reason: 'a test' } }, 'everything is stopped by anna: a test'],
  ['it is on without a reason', { killSwitch: { on: true, heldBy: 'environment', by: 'environment' } }, 'everything is stopped by the environment (MONSCALE_KILL_SWITCH): no reason was given'],
  ['a person named environment turned it on', { killSwitch: { on: true, heldBy: 'api', by: 'environment', reason: 'a test' } }, 'everything is stopped by environment: a test'],
  ['a service is in alarm', { troubled: [alarm], services: { total: 1, phases: { alarm: 1 } } }, 'web: alarm (wisdom) since T: too hot'],
  ['more are than are named', { troubled: [alarm], services: { total: 9, phases: { alarm: 4, unknown: 2 } } }, '5 more services in alarm or unknown'],
  ['an approval waits', { waiting: [{ status: 'awaiting_approval', total: 1, items: [{ service: 'web', action: 'grow' }] }] }, '1 to approve or reject (grow for web)'],
  ['many are unknown', { waiting: [{ status: 'unknown', total: 7, items: Array.from({ length: 7 }, () => ({ action: 'a' })) }] }, '7 unknown: nobody can tell what came of them (a, a, a, a, a, …)'],
  ['a check fails', { system: { ...system, checks: { redis: { status: 'down', error: 'away' } } } }, 'redis: away'],
  ['Redis tells no queues', { system: { ...system, queues: undefined, queuesError: 'away' } }, 'queues: away'],
  ['a role is gone', { system: { ...system, processes: [process(['api', 'scheduler']), process(['worker'], false)] } }, 'no process with the role worker lives'],
  ['a process is silent', { system: { ...system, processes: [process(['api', 'scheduler']), process(['worker'], false)] } }, 'worker on h, process 7, was not heard since 2026-11-30T11:00:00Z'],
])('it is not well where %s', (_, given, line) => {
  const { text, isWell } = statusText({ ...calm, ...given });
  expect(isWell).toBe(false);
  expect(text).toContain(line);
});

test('who may not read of the program is told the rest', () => {
  const { text, isWell } = statusText({ ...calm, system: undefined });
  expect(isWell).toBe(true);
  expect(text).toContain('this token may not read them');
});
