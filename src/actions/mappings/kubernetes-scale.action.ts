import { Injectable } from '@nestjs/common';
import { Choice, Nested, Text } from '../../common/fields';
import { hostIn } from '../../targets/http/host';
import { callJson } from '../../targets/http/json-call';
import { originOf } from '../../targets/http/origin';
import {
  ACCOUNT_FOLDER,
  callOf,
  clusterOf,
  ClusterParams,
  NAME,
  NAME_HINT,
  NAMESPACE,
  type Cluster,
} from '../../targets/kubernetes/cluster';
import {
  KINDS,
  readScale,
  scaleBody,
  scalePath,
  workloadText,
  writeScale,
  type Kind,
  type Scale,
} from '../../targets/kubernetes/scale';
import {
  ActionMapping,
  Retryable,
  type Action,
  type ActionContext,
  type ActionResult,
  type Waiting,
} from '../action';
import { intentOf, stepOf, wishOf, wishText, type DesiredNodes } from '../capacity';

/** Largest number of replicas: `spec.replicas` is an int32. */
const REPLICAS_AT_MOST = 2 ** 31 - 1;
/** Largest number of writes after conflicts, as in `kubectl scale`. */
const WRITES_AT_MOST = 5;
/** Page size for reading autoscalers: answers are cut at 64 KiB. */
const AUTOSCALERS_AT_ONCE = 10;
const AUTOSCALER_PAGES_AT_MOST = 20;
const AUTOSCALER_TIMEOUT_MS = 3_000;
const WAITS_SECONDS = 3_600;

export class KubernetesScaleParams {
  @Text({
    directs: 'nothing',
    description: 'Namespace of the workload',
    template: 'text',
    minLength: 1,
    pattern: NAMESPACE,
    patternHint: NAME_HINT,
    example: 'shop',
  })
  namespace: string;

  @Choice(KINDS, { directs: 'nothing', description: 'Kind of the workload' })
  kind: Kind = 'Deployment';

  @Text({
    directs: 'nothing',
    description: 'Name of the workload',
    template: 'text',
    minLength: 1,
    pattern: NAME,
    patternHint: NAME_HINT,
    example: 'web',
  })
  name: string;

  @Text({
    directs: 'nothing',
    description: 'How many replicas there shall be; without it as many more or less as nodes.delta says',
    template: 'text',
    optional: true,
    pattern: /^\s*\d+\s*$/,
    patternHint: 'must be a whole number, at least 0',
    example: '{{ nodes.desired }}',
  })
  replicas?: string;

  @Nested(() => ClusterParams, {
    description: 'The cluster; without it the one that monscale runs in',
    optional: true,
  })
  cluster?: ClusterParams;
}

/** Sets the replicas of a workload through its scale subresource (Kubernetes API, apps/v1). */
@ActionMapping({
  type: 'kubernetes_scale',
  title: 'Kubernetes replicas',
  description:
    'Sets how many replicas a Deployment, StatefulSet or ReplicaSet has, and waits until they are there',
  params: KubernetesScaleParams,
  capacity: 'sets',
})
@Injectable()
export class KubernetesScale implements Action<KubernetesScaleParams> {
  accountFolder = ACCOUNT_FOLDER;

  /** Sets the replicas. After a conflict (somebody has written since the read) it reads and decides again. */
  async execute(
    params: KubernetesScaleParams,
    { signal, variables, intended, intend }: ActionContext,
  ): Promise<ActionResult> {
    const target = workloadText(params);
    const wish = wishFor(params, variables);
    const cluster = await clusterOf(params.cluster, this.accountFolder);
    for (let write = 1; write <= WRITES_AT_MOST; write++) {
      const before = await readScale(cluster, params, signal);
      const own = { name: 'the workload', number: before.replicas, atLeast: 0, atMost: REPLICAS_AT_MOST };
      const { to, detail, isHeld } = stepOf(wish, own, intended);
      if (isHeld) return { detail };
      const isSet = to === before.replicas;
      if (!isSet) await intend?.(intentOf(wish, to));
      const after = isSet ? before : await writeScale(cluster, params, before, to, signal);
      if (after === 'conflict') continue;
      const warning = await autoscalerWarning(cluster, params, signal);
      const result = progressOf(after, to);
      return { ...result, detail: `${detail}; ${result.detail}${warning}` };
    }
    throw new Retryable(`${target} was changed by others ${WRITES_AT_MOST} times while it was written`);
  }

  async follow(
    params: KubernetesScaleParams,
    { replicas }: Waiting,
    { signal }: ActionContext,
  ): Promise<ActionResult> {
    return progressOf(
      await readScale(await clusterOf(params.cluster, this.accountFolder), params, signal),
      Number(replicas),
    );
  }

  preview(params: KubernetesScaleParams, { variables }: ActionContext): object {
    const replicas = wishText(wishFor(params, variables));
    const server = params.cluster ? originOf(params.cluster.server) : 'https://<the cluster it runs in>';
    return { method: 'PUT', url: server + scalePath(params), body: scaleBody(params, replicas) };
  }

  target({ cluster }: KubernetesScaleParams): string | undefined {
    return cluster ? hostIn(cluster.server) : 'the cluster it runs in';
  }

  /** Returns true: the number is recorded before it is set, and a retry sets the same number. */
  idempotent(): boolean {
    return true;
  }

  waitsAtMost(): number {
    return WAITS_SECONDS;
  }
}

const wishFor = (params: KubernetesScaleParams, variables: Record<string, unknown>): DesiredNodes =>
  wishOf(params.replicas, variables, REPLICAS_AT_MOST, `scaling ${workloadText(params)}`);

/**
 * Returns how far a workload is. If somebody else has set another number since, the waiting ends: ours was set, and
 * will not be reached.
 */
function progressOf({ replicas: wanted, observed }: Scale, replicas: number): ActionResult {
  if (wanted !== replicas)
    return { detail: `it was set to ${replicas}; somebody else set it to ${wanted} since` };
  const detail = `${observed} of ${replicas} replicas are there`;
  return observed === replicas ? { detail } : { waiting: { replicas }, detail };
}

interface Autoscalers {
  metadata?: { continue?: string };
  items?: {
    metadata?: { name?: string };
    spec?: { scaleTargetRef?: { apiVersion?: string; kind?: string; name?: string } };
  }[];
}

/**
 * Returns a warning if a HorizontalPodAutoscaler owns the workload: it will replace our number. Empty when there is
 * none, or when reading autoscalers is forbidden.
 */
async function autoscalerWarning(
  cluster: Cluster,
  params: KubernetesScaleParams,
  signal: AbortSignal,
): Promise<string> {
  const { kind, namespace, name } = params;
  const path = `/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers?limit=${AUTOSCALERS_AT_ONCE}`;
  // The replicas are set already: what goes wrong here must not make it look otherwise.
  const soon = AbortSignal.any([signal, AbortSignal.timeout(AUTOSCALER_TIMEOUT_MS)]);
  try {
    let from = '';
    for (let page = 1; page <= AUTOSCALER_PAGES_AT_MOST; page++) {
      const { status, json } = await callJson(callOf(cluster, path + from), 'reading autoscalers', soon);
      if (status !== 200) return '';
      const { metadata, items = [] } = Object(json) as Autoscalers;
      const owner = items.find(({ spec }) => {
        const ref = spec?.scaleTargetRef;
        return ref?.kind === kind && ref.name === name && (ref.apiVersion ?? 'apps/').startsWith('apps/');
      });
      if (owner)
        return `; warning: HorizontalPodAutoscaler ${owner.metadata?.name ?? ''} owns it and will set its own number`;
      if (!metadata?.continue) return '';
      from = `&continue=${encodeURIComponent(metadata.continue)}`;
    }
    return '';
  } catch {
    return '';
  }
}
