import { admit, type Candidate, type Usage } from './limits';

const NOW = Date.parse('2026-11-22T12:00:00Z');
const MINUTE = 60_000;

const candidate = (id: string, changes: Partial<Candidate> = {}): Candidate => ({
  id,
  action: 'a1',
  actionName: 'tell',
  concurrency: null,
  target: 'hooks.example.com',
  targetConcurrency: null,
  service: 's1',
  serviceName: 'web',
  maxPerHour: null,
  hasBegun: false,
  ...changes,
});

const usage = (changes: Partial<Usage> = {}): Usage => ({
  ofAction: new Map(),
  atTarget: new Map(),
  ofService: new Map(),
  all: [],
  ...changes,
});

const three = (changes: Partial<Candidate> = {}) => ['1', '2', '3'].map((id) => candidate(id, changes));

it('admits all without a limit', () => {
  expect(admit(three(), usage(), undefined, NOW)).toEqual({ admitted: ['1', '2', '3'], held: [] });
});

it('an action has as many in flight as it allows, with those that run already', () => {
  const { admitted, held } = admit(
    three({ concurrency: 3 }),
    usage({ ofAction: new Map([['a1', 1]]) }),
    undefined,
    NOW,
  );
  expect(admitted).toEqual(['1', '2']);
  expect(held).toEqual([
    { id: '3', by: 'action', why: '3 of 3 executions of tell are in flight', until: NOW + 30_000 },
  ]);
});

it('a target has as many in flight as the action allows, whichever actions they are of', () => {
  const [one, two, three] = [
    candidate('1', { action: 'a2' }),
    candidate('2', { targetConcurrency: 2 }),
    candidate('3', { targetConcurrency: 2 }),
  ];
  const { admitted, held } = admit([one, two, three], usage(), undefined, NOW);
  expect(admitted).toEqual(['1', '2']);
  expect(held).toMatchObject([{ by: 'target', why: '2 of 2 executions at hooks.example.com are in flight' }]);
});

it('a target that is not known has no limit', () => {
  expect(admit(three({ target: null, targetConcurrency: 1 }), usage(), undefined, NOW).held).toEqual([]);
});

it('a service begins as many actions in an hour as it allows, and says when the next may', () => {
  const begun = [NOW - 10 * MINUTE, NOW - 50 * MINUTE];
  const { admitted, held } = admit(
    three({ maxPerHour: 3 }),
    usage({ ofService: new Map([['s1', begun]]) }),
    undefined,
    NOW,
  );
  expect(admitted).toEqual(['1']);
  expect(held).toMatchObject([
    {
      by: 'service',
      why: '3 of 3 actions of web began in the last hour; the next may at 12:10:00Z',
      until: NOW + 10 * MINUTE,
    },
    { by: 'service' },
  ]);
});

it('all services together begin as many as the program allows', () => {
  const { admitted, held } = admit(three(), usage({ all: [NOW - MINUTE] }), 2, NOW);
  expect(admitted).toEqual(['1']);
  expect(held).toMatchObject([{ by: 'overall', until: NOW + 59 * MINUTE }, { by: 'overall' }]);
});

it('another try of one that has begun is no other action', () => {
  const full = usage({ ofService: new Map([['s1', [NOW - MINUTE]]]), all: [NOW - MINUTE] });
  expect(admit(three({ maxPerHour: 1, hasBegun: true }), full, 1, NOW).held).toEqual([]);
});

it('what one limit holds takes no place under another', () => {
  const some = [candidate('1', { concurrency: 0 }), candidate('2', { action: 'a2', maxPerHour: 1 })];
  expect(admit(some, usage(), 1, NOW).admitted).toEqual(['2']);
});
