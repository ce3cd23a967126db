import { ruleWhen } from '../../test/rule';
import type { InfrastructureRow, ServiceRow } from '../database/entities';
import type { Ask } from '../engine/asked';
import { initialState } from '../engine/evaluate';
import type { Direction, Mode, Rule, Scalings, State } from '../engine/types';
import { NOTHING_KEPT, type InfrastructureMemory } from './batch-capacity';
import { decideBatch, setRight, type BatchDecision, type BatchFacts } from './decide-batch';
import type { LockedState } from './ledger-entry';
import type { CompiledService } from './compiled-service';
import type { ServiceObservation } from './service-observation';

const NOW = Date.UTC(2026, 0, 2, 12);
const at = (seconds: number) => NOW + seconds * 1000;

const web = {
  id: 'web',
  name: 'web',
  labels: {},
  minNodes: 1,
  maxNodes: 5,
  warmupSeconds: 60,
} as InfrastructureRow;

interface Given {
  id: string;
  cpu?: number;
  mode?: Mode;
  /** Direction in which the service scales `web`, one node at a time; it scales nothing without. */
  scales?: Direction;
  polled?: boolean;
  service?: Partial<ServiceRow>;
  rule?: Partial<Rule>;
  observed?: Partial<ServiceObservation>;
}

function serviceOf({ id, mode = 'auto', scales, polled = true, service, rule }: Given): CompiledService {
  const scaling = scales && {
    infrastructure: 'web',
    direction: scales,
    minNodes: web.minNodes,
    maxNodes: web.maxNodes,
    wisdomMs: 0,
    maxDirectionChanges: 10,
    wish: ({ effective }: { effective: number }) => effective + (scales === 'up' ? 1 : -1),
  };
  return {
    service: {
      id, name: id, version: 1, polled, condition: 'cpu > 0.8', recovery: null, missingData: 'hold', metrics: { cpu: {} },
      actionIds: ['page'], recoveryActionIds: [], approvalActionIds: [], escalations: [], expect: null, intervalSeconds: 10, ...service,
    },
    infrastructure: scaling && web,
    rule: ruleWhen('cpu > 0.8', { mode, scaling, ...(polled ? {} : { intervalMs: undefined }), ...rule }),
    reads: polled ? { cpu: {} } : {},
    alertMetrics: [],
    windows: [],
    hasAlertWindows: false,
  } as unknown as CompiledService; // prettier-ignore
}

function seen(given: Given): ServiceObservation {
  return {
    snapshot: { compiled: serviceOf(given), killSwitch: false },
    at: new Date(NOW),
    values: { cpu: given.cpu ?? 0.9 },
    errors: {},
    alerts: [],
    ...given.observed,
  };
}

const OK: State = {
  ...initialState(ruleWhen('cpu > 0.8'), at(-600)),
  phase: 'ok',
  reason: 'condition_false',
};
const locked = (given: Partial<LockedState> = {}): LockedState => ({
  version: 1,
  killSwitch: false,
  state: OK,
  decisionId: 'before',
  ...given,
});

function decided(services: Given[], given: Partial<BatchFacts> = {}): BatchDecision {
  let ids = 0;
  return decideBatch(services.map(seen), {
    locked: new Map(services.map(({ id }) => [id, locked()])),
    counts: new Map(),
    memory: NOTHING_KEPT,
    killSwitch: false,
    silencesOf: () => undefined,
    parents: new Map(),
    isOfAlerts: false,
    now: NOW,
    newId: () => `id-${++ids}`,
    ...given,
  });
}

type Entries = Extract<BatchDecision, { is: 'decided' }>;
const entriesOf = (services: Given[], facts?: Partial<BatchFacts>): Entries => {
  const decision = decided(services, facts);
  if (decision.is !== 'decided') throw new Error(decision.is);
  return decision;
};

/** Each entry as "service: reason, nodes asked for". */
const said = ({ entries }: Entries): string[] =>
  entries.map(({ compiled, state, trigger }) => {
    const delta = trigger?.nodes?.delta;
    return `${compiled.service.id}: ${state.reason}${delta === undefined ? '' : ` ${delta > 0 ? '+' : ''}${delta}`}`;
  });

const counted = (nodes: number): Pick<BatchFacts, 'counts'> => ({
  counts: new Map([['web', { nodes, at: NOW }]]),
});

describe('a batch of one', () => {
  test.each<[string, Given, LockedState | undefined, string[]]>([
    ['a breach triggers', { id: 'a' }, locked(), ['a: triggered']],
    ['nothing new changes nothing', { id: 'a', cpu: 0.1 }, locked(), []],
    ['a first evaluation is always kept', { id: 'a', cpu: 0.1 }, locked({ state: undefined, decisionId: undefined }), ['a: condition_false']],
    ['a deleted service is nobody', { id: 'a' }, undefined, []],
    ['what was seen belongs to another rule', { id: 'a' }, locked({ version: 2 }), []],
    ['the kill switch as it is under the lock', { id: 'a' }, locked({ killSwitch: true }), ['a: kill_switch']],
    ['a trigger since then has overtaken it', { id: 'a' }, locked({ state: { ...OK, lastTriggeredAt: at(1) } }), []],
    ['the same reading does not trigger twice', { id: 'a' }, locked({ state: { ...OK, lastTriggeredAt: NOW } }), []],
    ['an alert of the same moment does', { id: 'a', polled: false }, locked({ state: { ...OK, lastTriggeredAt: NOW } }), ['a: triggered']],
    ['nobody looked', { id: 'a', observed: { stale: { decision: 'before' } } }, locked(), ['a: not_polled']],
    ['somebody has looked since', { id: 'a', observed: { stale: { decision: 'earlier' } } }, locked(), []],
    ['a moment set right is kept, though nothing else changed', { id: 'a', cpu: 0.1 }, locked({ wasAhead: true }), ['a: condition_false']],
    ['another next moment is kept, though nothing else changed', { id: 'a', cpu: 0.1 }, locked({ nextMoment: at(5) }), ['a: condition_false']],
  ])('%s', (_, given, before, wanted) => {
    const states = new Map(before === undefined ? [] : [['a', before]]);
    expect(said(entriesOf([given], { locked: states }))).toEqual(wanted);
  }); // prettier-ignore

  test('the kill switch of the configuration stops it too, and the sentence says so', () => {
    const [entry] = entriesOf([{ id: 'a' }], { killSwitch: true }).entries;
    expect(entry).toMatchObject({ state: { reason: 'kill_switch' }, opensInterval: true, closes: 'before' });
    expect(entry!.explanation).toContain('kill switch');
  });

  test('evaluations are counted by reason, also those that change nothing', () => {
    const { reasons } = entriesOf([{ id: 'a' }, { id: 'b', cpu: 0.1 }]);
    expect(reasons).toEqual(['triggered', 'condition_false']);
  });

  test('each action is asked for once, under an id of its own', () => {
    const [{ trigger, decisionId }] = entriesOf([{ id: 'a', service: { actionIds: ['page', 'mail', 'page'] } }]).entries as [Entries['entries'][0]];
    expect(decisionId).toBe('id-1');
    expect(trigger).toMatchObject({ kind: 'breach', executions: [{ action: 'page' }, { action: 'mail' }] });
    const ids = [decisionId, trigger!.id, ...trigger!.executions.map(({ id }) => id)];
    expect(new Set(ids).size).toBe(4);
  }); // prettier-ignore
});

describe('services that an alert feeds', () => {
  const awaiting: Given = { id: 'a', polled: false, observed: { awaitsAlert: true } };

  test.each<[string, Given, boolean, string[], string[]]>([
    ['are left to the job of the alert', awaiting, false, ['a'], []],
    ['are decided in that job', awaiting, true, [], ['a: triggered']],
    ['and not left where they are polled', { ...awaiting, polled: true }, false, [], ['a: triggered']],
    ['and not left where nobody looked', { ...awaiting, observed: { awaitsAlert: true, stale: { decision: 'before' } } }, false, [], ['a: not_polled']],
  ])('%s', (_, given, isOfAlerts, waiting, wanted) => {
    const decision = entriesOf([given], { isOfAlerts });
    expect([decision.waiting, said(decision)]).toEqual([waiting, wanted]);
  }); // prettier-ignore
});

describe('services that share an infrastructure', () => {
  const up = (id: string, mode: Mode = 'auto'): Given => ({ id, mode, scales: 'up' });
  const down = (id: string): Given => ({ id, scales: 'down' });

  test.each<[string, Given[], number, string[]]>([
    ['both find room', [up('a'), up('b')], 1, ['a: triggered +1', 'b: triggered +1']],
    ['two can not take the last place', [up('a'), up('b')], 4, ['a: triggered +1', 'b: at_max_nodes']],
    ['nor can two leave the last node', [down('a'), down('b')], 2, ['a: triggered -1', 'b: at_min_nodes']],
    ['a shadow decides first, and takes no place', [up('a'), up('s', 'shadow')], 4, ['s: shadowed +1', 'a: triggered +1']],
    ['what waits for approval takes its place', [up('a', 'approve'), up('b')], 4, ['a: awaiting_approval +1', 'b: at_max_nodes']],
    ['without actions nothing is asked for', [{ ...up('a'), service: { actionIds: [] } }, up('b')], 4, ['a: triggered +1', 'b: triggered +1']],
    ['one that is at rest takes none', [{ ...up('a'), cpu: 0.1 }, up('b')], 4, ['b: triggered +1']],
  ])('%s', (_, services, nodes, wanted) => {
    expect(said(entriesOf(services, counted(nodes)))).toEqual(wanted);
  }); // prettier-ignore

  test('nothing is decided before nodes are counted', () => {
    expect(decided([{ id: 'other' }, up('a'), up('b')])).toEqual({ is: 'uncounted', infrastructures: [web, web] });
  }); // prettier-ignore

  test('a failed count is a reason', () => {
    const counts = new Map([['web', { error: 'no answer in 5 s' }]]);
    const { entries } = entriesOf([up('a')], { counts });
    expect(entries[0]!.state).toMatchObject({ reason: 'nodes_unknown', nodesError: 'no answer in 5 s' });
  });

  test('a trigger begins the wisdom time of its direction for the service after it', () => {
    const waits = (given: Given): Given => {
      const scaling = { ...serviceOf(given).rule.scaling!, wisdomMs: 60_000 };
      return { ...given, rule: { scaling } };
    };
    const decision = entriesOf([waits(up('a')), waits(up('b'))], counted(1));
    expect(said(decision)).toEqual(['a: triggered +1', 'b: infrastructure_wisdom']);
    expect(decision.infrastructures.scalings).toMatchObject([{ id: 'web', lastAt: { up: NOW }, lastDirection: 'up' }]);
  }); // prettier-ignore

  test('one change of direction too many freezes it, for the service after it too', () => {
    const flapping: Scalings = { lastAt: {}, lastDirection: 'down', directionChanges: Array<number>(10).fill(at(-60)) };
    const memory: InfrastructureMemory = { scalings: new Map([['web', flapping]]), asks: new Map() };
    const decision = entriesOf([up('a'), down('b')], { ...counted(3), memory });
    expect(said(decision)).toEqual(['a: flapping', 'b: flapping']);
    expect(decision.infrastructures.scalings).toMatchObject([{ id: 'web', frozenUntil: at(3_600) }]);
  }); // prettier-ignore

  test.each<[string, number, Partial<Ask>[]]>([
    ['is no change while no count shows it', 2, []],
    ['is over once a count shows it', 3, [{ trigger: 'earlier', left: 0 }]],
  ])('an earlier ask %s', (_, nodes, wanted) => {
    const ask: Ask = { trigger: 'earlier', delta: 1, desired: 3, left: 1, state: { is: 'under_way' } };
    const memory: InfrastructureMemory = { scalings: new Map(), asks: new Map([['web', [ask]]]) };
    const { entries, infrastructures } = entriesOf([up('a')], { ...counted(nodes), memory });
    expect(entries[0]!.state.nodes).toMatchObject({ effective: 3, desired: 4 });
    expect(infrastructures.asks).toMatchObject(wanted);
    expect(infrastructures.asks).toHaveLength(wanted.length);
  });
});

test('a service that can not be evaluated is named, and nothing of the batch is decided', () => {
  const cause = new Error('no such function');
  const bad: Given = {
    id: 'bad',
    rule: {
      condition: () => {
        throw cause;
      },
    },
  };
  const decision = decided([{ id: 'a' }, bad, { id: 'c' }]);
  expect(decision).toMatchObject({ is: 'unevaluable', error: cause });
  expect(decision).toHaveProperty('observation.snapshot.compiled.service.id', 'bad');
});

describe('moments that a clock that was ahead has written', () => {
  test.each<[string, number | undefined, number | undefined, boolean]>([
    ['are set right', at(3_600), NOW - 1, true],
    ['within what clocks may differ by are left', at(1), at(1), false],
    ['of the past are left', at(-5), at(-5), false],
  ])('%s', (_, since, wanted, wasAhead) => {
    const states = new Map([['a', locked({ state: { ...OK, pendingSince: since } })]]);
    setRight(states, [seen({ id: 'a' }), seen({ id: 'gone' })], NOW);
    expect(states.get('a')!.state!.pendingSince).toBe(wanted);
    expect(states.get('a')!.wasAhead === true).toBe(wasAhead);
    expect(states.size).toBe(1);
  });
});
