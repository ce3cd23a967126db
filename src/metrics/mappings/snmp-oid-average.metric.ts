import type { SelfChecking } from '../../common/check';
import type { FieldError } from '../../common/errors';
import { messageOf } from '../../common/errors';
import { TextList, Whole } from '../../common/fields';
import { MetricMapping, type Metric, type Node, type ReadContext } from '../metric';
import type { Reading } from '../../common/reading';
import { SnmpClient } from '../../snmp/snmp-client';
import type { SnmpTarget } from '../../snmp/snmp-target';
import { unlessAborted } from '../../common/unless-aborted';
import {
  Community,
  hostAndPortProblem,
  instanceProblems,
  Oid,
  Port,
  Retries,
  snmpProblems,
  targetProblem,
  V3,
  Version,
  withPort,
  type SnmpV3Params,
} from './snmp-oid.metric';
import { normalOid } from '../../snmp/oid';

const HOSTS_AT_MOST = 500;
const REASONS_AT_MOST = 3;
/** Step to which the timeout is rounded up, as sentences name it, milliseconds. */
const TICK_MS = 100;

export class SnmpOidAverageParams implements SelfChecking {
  @TextList({
    description:
      "Hosts of the agents, perhaps with a port of their own; without them the nodes of the service's infrastructure, by their addresses",
    optional: true,
    maxItems: HOSTS_AT_MOST,
    example: ['10.0.0.5', '10.0.0.6'],
  })
  hosts?: string[];

  @Port()
  port: number = 161;

  @Version()
  version: SnmpTarget['version'] = '2c';

  @Community()
  community: string = 'public';

  @Oid()
  oid: string;

  @Retries()
  retries: number = 1;

  @V3()
  v3?: SnmpV3Params;

  @Whole({ directs: 'nothing', description: 'How many have to answer', minimum: 1, maximum: HOSTS_AT_MOST })
  minAnswers: number = 1;

  problems(): FieldError[] {
    const { hosts } = this;
    const others = [...instanceProblems(this.oid), ...snmpProblems(this)];
    if (hosts === undefined) return others;
    const wrong = hosts.flatMap((host, index) => {
      const isTwice = hosts.indexOf(host) < index;
      const problem = isTwice ? 'is there twice' : hostAndPortProblem(host);
      return problem ? [{ pointer: `/hosts/${index}`, detail: problem }] : [];
    });
    if (hosts.length === 0) wrong.push({ pointer: '/hosts', detail: 'must name a host' });
    else if (this.minAnswers > hosts.length)
      wrong.push({ pointer: '/minAnswers', detail: `must be at most ${hosts.length}, as there are hosts` });
    return [...wrong, ...others];
  }
}

@MetricMapping({
  type: 'snmp_oid_average',
  title: 'SNMP object, average',
  description: 'The mean of one object over several SNMP agents, such as the nodes of the infrastructure',
  params: SnmpOidAverageParams,
  asksForNodes: true,
})
export class SnmpOidAverage implements Metric<SnmpOidAverageParams> {
  constructor(private readonly snmp: SnmpClient) {}

  async read(params: SnmpOidAverageParams, context: ReadContext): Promise<number> {
    const oid = normalOid(params.oid);
    const end = performance.now() + context.timeoutMs;
    const nodes = await nodesOf(params, context).catch((error) => {
      throw new Error(`cannot read the average of ${oid}: ${messageOf(error)}`, { cause: error });
    });
    const timeoutMs = Math.ceil((end - performance.now()) / TICK_MS) * TICK_MS;
    const readings = await Promise.all(
      nodes.map((node) => this.one(oid, node, params, { ...context, timeoutMs })),
    );
    const values = readings.flatMap((reading) => ('value' in reading ? [reading.value] : []));
    const { minAnswers } = params;
    if (values.length >= minAnswers) return values.reduce((sum, value) => sum + value, 0) / values.length;
    const reasons = readings.flatMap((reading) => ('error' in reading ? [reading.error] : []));
    throw new Error(
      `cannot read the average of ${oid}: ${values.length} of ${nodes.length} nodes answered, ` +
        [`${minAnswers} must`, ...reasons.slice(0, REASONS_AT_MOST)].join('; '),
    );
  }

  private async one(
    oid: string,
    { name, address }: Pick<Node, 'name' | 'address'>,
    params: SnmpOidAverageParams,
    { signal, timeoutMs }: ReadContext,
  ): Promise<Reading> {
    // A key that is kept in a file or in the environment is seen here first.
    const why = address === undefined ? 'its address is not known' : targetProblem(params);
    if (address === undefined || why) return { error: `cannot read ${oid} from ${name}: ${why}` };
    // A host may say its own port.
    const { address: host, port = params.port } = withPort(address);
    const target = { ...params, host, port };
    const outcomes = await this.snmp.get(target, [oid], { signal, timeoutMs, retries: params.retries });
    return outcomes.get(oid)!;
  }
}

/** Returns the nodes to ask. @throws Error when there are none */
async function nodesOf(
  { hosts }: SnmpOidAverageParams,
  context: ReadContext,
): Promise<Pick<Node, 'name' | 'address'>[]> {
  if (hosts) return hosts.map((host) => ({ name: host, address: host }));
  const nodes = await unlessAborted(context.signal, context.listNodes());
  if (nodes.length === 0) throw new Error('the infrastructure has no nodes');
  return nodes;
}
