/**
 * What every action keeps to that sets a number of nodes which its target keeps too. A new one says `capacity: 'sets'` in
 * its decorator and adds its row to ROWS.
 */
import { Reflector } from '@nestjs/core';
import fc from 'fast-check';
import { AutoScalingStandIn } from '../../../test/stand-ins/autoscaling';
import { KubernetesStandIn } from '../../../test/stand-ins/kubernetes';
import { check } from '../../common/check';
import { fieldsOf, type Field } from '../../common/fields';
import {
  ActionMapping,
  Ambiguous,
  Permanent,
  type Action,
  type ActionContext,
  type ActionMappingOptions,
} from '../action';
import { rendered } from '../rendering';
import { ACTION_MAPPINGS } from './index';

/** A target that keeps a number. */
interface Target {
  start(): Promise<unknown>;
  stop(): Promise<unknown>;
  /** Params of the mapping, without the number. */
  params(): object;
  /** The param that takes the number. */
  field: string;
  set(number: number): void;
  number(): number;
  /** The next write is done, and its answer lost. */
  loseAnswer(): void;
  /** Its number counts something else than nodes; absent where there is no such thing. */
  countOtherUnits?(): void;
}

function autoScaling(): Target {
  const aws = new AutoScalingStandIn({ AKIDEXAMPLE: 's3cret' });
  let endpoint = '';
  const group = { region: 'eu-west-1', minSize: 0, maxSize: 1_000, desiredCapacity: 0 };
  return {
    start: async () => void (endpoint = await aws.start()),
    stop: () => aws.stop(),
    params: () => ({
      groupName: 'web',
      region: 'eu-west-1',
      endpoint,
      accessKeyId: 'AKIDEXAMPLE',
      secretAccessKey: 's3cret',
    }),
    field: 'desiredCapacity',
    set: (desiredCapacity) => aws.groups.set('web', { ...group, desiredCapacity, instances: 2 }),
    number: () => aws.groups.get('web')!.desiredCapacity,
    loseAnswer: () => aws.next.push({}, { dropAfter: true }),
    countOtherUnits: () => (aws.groups.get('web')!.weight = 4),
  };
}

function kubernetes(): Target {
  const cluster = new KubernetesStandIn({ token: 's3cret' });
  let server = '';
  let workload: { replicas: number } | undefined;
  return {
    start: async () => void (server = await cluster.start()),
    stop: () => cluster.stop(),
    params: () => ({ namespace: 'shop', name: 'web', cluster: { server, token: 's3cret' } }),
    field: 'replicas',
    set: (number) => {
      cluster.clear();
      workload = cluster.addWorkload('shop/deployments/web', number);
    },
    number: () => workload!.replicas,
    loseAnswer: () => cluster.next.put.push({ dropAfter: true }),
  };
}

const ROWS: Record<string, () => Target> = {
  aws_autoscaling_capacity: autoScaling,
  kubernetes_scale: kubernetes,
};

const reflector = new Reflector();
const MAPPINGS = ACTION_MAPPINGS.map((cls) => {
  const action: Action = new cls();
  return { ...(reflector.get(ActionMapping, cls) as ActionMappingOptions), action };
});
const SETTING = MAPPINGS.filter(({ capacity }) => capacity === 'sets');

describe('actions that set a number', () => {
  it('have a row here', () => {
    expect(SETTING.map(({ type }) => type).sort()).toEqual(Object.keys(ROWS).sort());
  });

  it('is what each one says that takes a whole number by a template', () => {
    const numeric = MAPPINGS.filter(({ params }) => fieldsOf(params).some(takesNumber));
    const types = numeric.map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining([...Object.keys(ROWS), 'cloudforms_retire']));
    expect(numeric.filter(({ capacity }) => capacity === 'none')).toEqual([]);
  });
});

function takesNumber({ options, schema }: Field): boolean {
  if (options.template === undefined || typeof schema.pattern !== 'string') return false;
  const pattern = new RegExp(schema.pattern);
  return pattern.test('5') && !pattern.test('five');
}

describe.each(SETTING)('$type', ({ type, params, action }) => {
  const target = ROWS[type]!();

  beforeAll(() => target.start());
  afterAll(() => target.stop());

  interface Asked {
    nodes: object;
    number?: number | string;
    infrastructure?: object;
    intended?: unknown;
    intend?: ActionContext['intend'];
  }

  const act = ({ nodes, number, infrastructure, ...way }: Asked) => {
    const variables = { service: { id: 's1', name: 'web' }, nodes, infrastructure };
    const given = { ...target.params(), ...(number === undefined ? {} : { [target.field]: String(number) }) };
    const { value, errors } = check(params, given);
    expect(errors).toEqual([]);
    return action.execute(rendered(params, value!, variables), {
      signal: AbortSignal.timeout(5_000),
      timeoutMs: 5_000,
      now: new Date(),
      executionId: '01900000-0000-7000-8000-000000000001',
      variables,
      ...way,
    });
  };
  const nodesOf = (direction: 'up' | 'down', delta: number) => ({
    current: 3,
    desired: 3 + delta,
    delta,
    direction,
  });

  it.each([
    ['up', 5, 1, 6],
    ['up', 8, 3, 11],
    ['up', 0, 2, 2],
    ['down', 5, -1, 4],
    ['down', 9, -3, 6],
    ['down', 1, -1, 0],
  ] as const)(
    '%s, from %i by %i, is %i: the target itself is counted from',
    async (direction, own, delta, right) => {
      target.set(own);
      await act({ nodes: nodesOf(direction, delta) });
      expect(target.number()).toBe(right);
    },
  );

  it.each([
    ['up', 8, 3, 'lowered'],
    ['up', 2, 1, 'lowered'],
    ['down', 2, 5, 'raised'],
    ['down', 0, 1, 'raised'],
  ] as const)('%s does not turn %i into %i, and says so', async (direction, own, number, word) => {
    target.set(own);
    const { detail, waiting } = await act({ nodes: nodesOf(direction, direction === 'up' ? 1 : -1), number });
    expect(target.number()).toBe(own);
    expect(detail).toContain(`it is at ${own} already; asked for ${number}`);
    expect(detail).toContain(`nothing was ${word}`);
    expect(waiting).toBeUndefined();
  });

  it.each([
    ['up', 5, { nodes: nodesOf('up', 9) }, 8],
    ['up', 8, { nodes: nodesOf('up', 1) }, 8],
    ['up', 9, { nodes: nodesOf('up', 1) }, 9],
    ['up', 5, { nodes: nodesOf('up', 1), number: 50 }, 8],
    ['down', 5, { nodes: nodesOf('down', -9) }, 2],
    ['down', 2, { nodes: nodesOf('down', -1) }, 2],
    ['down', 1, { nodes: nodesOf('down', -1) }, 1],
    ['down', 5, { nodes: nodesOf('down', -1), number: 0 }, 2],
  ] as [string, number, Asked, number][])(
    '%s, from %i, %j goes no further than 2 to 8',
    async (_, own, asked, right) => {
      target.set(own);
      const { detail } = await act({ ...asked, infrastructure: { minNodes: 2, maxNodes: 8 } });
      expect(target.number()).toBe(right);
      expect(detail).toMatch(/infrastructure takes|it is at \d already/);
    },
  );

  it('whatever it has and whatever is wished: up never lowers, down never raises', async () => {
    const wish = fc.record({
      direction: fc.constantFrom('up' as const, 'down' as const),
      own: fc.nat({ max: 20 }),
      delta: fc.integer({ min: 1, max: 9 }),
      number: fc.option(fc.nat({ max: 20 }), { nil: undefined }),
      infrastructure: fc.option(fc.record({ minNodes: fc.nat({ max: 9 }), maxNodes: fc.nat({ max: 20 }) }), {
        nil: undefined,
      }),
      before: fc.option(fc.nat({ max: 20 }), { nil: undefined }),
    });
    await fc.assert(
      fc.asyncProperty(wish, async ({ direction, own, delta, before, ...asked }) => {
        target.set(own);
        const sign = direction === 'up' ? 1 : -1;
        const intended =
          before === undefined ? undefined : { number: before, decided: `3 -> ${3 + sign * delta}` };
        await act({ nodes: nodesOf(direction, sign * delta), intended, ...asked });
        expect(sign * (target.number() - own)).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 60 },
    );
  }, 30_000);

  it('writes down the number before it is set', async () => {
    target.set(5);
    const seen: unknown[] = [];
    await act({
      nodes: nodesOf('up', 2),
      intend: async (intent) => void seen.push([intent, target.number()]),
    });
    expect(seen).toEqual([[{ number: 7, decided: '3 -> 5' }, 5]]);
    expect(target.number()).toBe(7);
  });

  it('sets nothing when it can not be written down', async () => {
    target.set(5);
    const acting = act({ nodes: nodesOf('up', 2), intend: () => Promise.reject(new Error('away')) });
    await expect(acting).rejects.toThrow('away');
    expect(target.number()).toBe(5);
  });

  it('is done once when an answer is lost, and once when nothing came of it', async () => {
    target.set(5);
    target.loseAnswer();
    let intended: unknown;
    const asked = { nodes: nodesOf('up', 2), intend: async (intent: object) => void (intended = intent) };
    await expect(act(asked)).rejects.toBeInstanceOf(Ambiguous);
    expect(target.number()).toBe(7);
    await act({ ...asked, intended });
    expect(target.number()).toBe(7);
    target.set(5);
    await act({ ...asked, intended });
    expect(target.number()).toBe(7);
  });

  it('sets any number where no rule scales', async () => {
    target.set(8);
    await act({ nodes: { current: 2, desired: 3, delta: 1 } });
    expect(target.number()).toBe(3);
  });

  it('refuses what counts other units than nodes, and says what it is at', async () => {
    if (target.countOtherUnits === undefined) return;
    target.set(8);
    target.countOtherUnits();
    for (const asked of [
      { nodes: nodesOf('up', 1) },
      { nodes: nodesOf('down', -1) },
      { nodes: {}, number: 3 },
    ]) {
      const error = await act(asked).catch((thrown: Error) => thrown);
      expect(error).toBeInstanceOf(Permanent);
      expect((error as Error).message).toMatch(/8 .*the units differ/);
    }
    expect(target.number()).toBe(8);
  });
});
