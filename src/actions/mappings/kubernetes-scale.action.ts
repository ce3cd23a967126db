import { Injectable } from '@nestjs/common';
import { messageOf } from '../../common/errors';
import { Choice, Nested, Text } from '../../common/fields';
import { followReference, maskTexts } from '../../common/secrets';
import { hostIn } from '../../targets/http/host';
import { callJson, statusText, type JsonAnswer } from '../../targets/http/json-call';
import { ORIGIN, originOf } from '../../targets/http/origin';
import { certificateProblem } from '../../targets/http/params';
import { retryAfterSeconds } from '../../targets/http/retry-after';
import {
  ActionMapping,
  Ambiguous,
  Permanent,
  Retryable,
  type Action,
  type ActionContext,
  type ActionResult,
  type Waiting,
} from '../action';
import { wantedNodes } from '../wanted-nodes';

const KINDS = ['Deployment', 'StatefulSet', 'ReplicaSet'] as const;
/** RFC 1123, as Kubernetes' "Object Names and IDs" takes it. */
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const NAME_HINT = 'must be a name of Kubernetes: small letters, digits and - between them';
/** `spec.replicas` is an int32. */
const REPLICAS_AT_MOST = 2 ** 31 - 1;
/** As kubectl scale reads again at most. */
const WRITES_AT_MOST = 5;
/** The answer is cut at 64 KiB, so autoscalers are read in small pages. */
const AUTOSCALERS_AT_ONCE = 10;
const AUTOSCALER_PAGES_AT_MOST = 20;
const AUTOSCALER_TIMEOUT_MS = 3_000;
const WAITS_SECONDS = 3_600;

export class ClusterParams {
  @Text({
    description: 'Where the API answers',
    ...ORIGIN,
    example: 'https://10.0.0.1:6443',
  })
  server: string;

  @Text({ description: 'Bearer token', secret: true, minLength: 1 })
  token: string;

  @Text({
    description: 'Certificates to trust instead of the usual ones, PEM',
    optional: true,
    maxLength: 200_000,
    check: certificateProblem,
  })
  ca?: string;
}

export class KubernetesScaleParams {
  @Text({
    description: 'Namespace of the workload',
    template: 'text',
    minLength: 1,
    pattern: NAMESPACE,
    patternHint: NAME_HINT,
    example: 'shop',
  })
  namespace: string;

  @Choice(KINDS, { description: 'Kind of the workload' })
  kind: (typeof KINDS)[number] = 'Deployment';

  @Text({
    description: 'Name of the workload',
    template: 'text',
    minLength: 1,
    pattern: NAME,
    patternHint: NAME_HINT,
    example: 'web',
  })
  name: string;

  @Text({
    description: 'How many replicas there shall be; without it nodes.desired',
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

/** What the scale subresource says (autoscaling/v1 Scale). A number that is absent is 0. */
interface Scale {
  uid: unknown;
  resourceVersion: string;
  /** Wanted. */
  replicas: number;
  /** There are, ready or not. */
  observed: number;
}

/** A cluster as it is asked: `ca` in PEM. */
interface Cluster {
  server: string;
  token: string;
  ca?: string;
}

/** Sets the replicas of a workload by its scale subresource (Kubernetes API, apps/v1). */
@ActionMapping({
  type: 'kubernetes_scale',
  title: 'Kubernetes replicas',
  description:
    'Sets how many replicas a Deployment, StatefulSet or ReplicaSet has, and waits until they are there',
  params: KubernetesScaleParams,
})
@Injectable()
export class KubernetesScale implements Action<KubernetesScaleParams> {
  /** Kubernetes, "Accessing the API from a Pod": where a pod finds its account. */
  accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount';

  /** A write that is refused because somebody wrote since it was read is read again. */
  async execute(params: KubernetesScaleParams, { signal, variables }: ActionContext): Promise<ActionResult> {
    const target = targetOf(params);
    const replicas = wantedNodes(params.replicas, variables, REPLICAS_AT_MOST, `scaling ${target}`);
    const cluster = this.clusterOf(params);
    for (let write = 1; write <= WRITES_AT_MOST; write++) {
      const before = await readScale(cluster, params, signal);
      const after = await writeScale(cluster, params, before, replicas, signal);
      if (after === 'conflict') continue;
      const warning = await autoscalerWarning(cluster, params, signal);
      const result = progressOf(after, replicas);
      return { ...result, detail: `${before.replicas} -> ${replicas}; ${result.detail}${warning}` };
    }
    throw new Retryable(`${target} was changed by others ${WRITES_AT_MOST} times while it was written`);
  }

  async follow(
    params: KubernetesScaleParams,
    { replicas }: Waiting,
    { signal }: ActionContext,
  ): Promise<ActionResult> {
    return progressOf(await readScale(this.clusterOf(params), params, signal), Number(replicas));
  }

  preview(params: KubernetesScaleParams, { variables }: ActionContext): object {
    const replicas = wantedNodes(params.replicas, variables, REPLICAS_AT_MOST, `scaling ${targetOf(params)}`);
    const server = params.cluster ? originOf(params.cluster.server) : 'https://<the cluster it runs in>';
    return { method: 'PUT', url: server + pathOf(params), body: scaleBody(params, replicas) };
  }

  target({ cluster }: KubernetesScaleParams): string | undefined {
    return cluster ? hostIn(cluster.server) : 'the cluster it runs in';
  }

  /** The number is absolute: set twice, it is the same. */
  idempotent(): boolean {
    return true;
  }

  waitsAtMost(): number {
    return WAITS_SECONDS;
  }

  /** The account's token is renewed by Kubernetes while we run, so its files are read at every call. */
  private clusterOf({ cluster }: KubernetesScaleParams): Cluster {
    if (cluster) return { ...cluster, server: originOf(cluster.server) };
    try {
      const host = followReference({ env: 'KUBERNETES_SERVICE_HOST' }, 'cluster.server');
      const port = followReference({ env: 'KUBERNETES_SERVICE_PORT' }, 'cluster.server');
      return {
        server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
        token: followReference({ file: `${this.accountFolder}/token` }, 'cluster.token').trim(),
        ca: followReference({ file: `${this.accountFolder}/ca.crt` }, 'cluster.ca'),
      };
    } catch (error) {
      throw new Permanent(`no cluster is given, and monscale runs in none: ${messageOf(error)}`);
    }
  }
}

const targetOf = ({ kind, namespace, name }: KubernetesScaleParams): string => `${kind} ${namespace}/${name}`;

/** @throws Permanent when a rendered name is none: it would become part of another path */
function pathOf(params: KubernetesScaleParams): string {
  const { kind, namespace, name } = params;
  if (!NAMESPACE.test(namespace) || !NAME.test(name))
    throw new Permanent(`${targetOf(params)} can't be asked: its namespace and name ${NAME_HINT}`);
  return `/apis/apps/v1/namespaces/${namespace}/${kind.toLowerCase()}s/${name}/scale`;
}

function scaleBody({ namespace, name }: KubernetesScaleParams, replicas: number, of?: Scale): object {
  const metadata = { name, namespace, uid: of?.uid, resourceVersion: of?.resourceVersion };
  return { kind: 'Scale', apiVersion: 'autoscaling/v1', metadata, spec: { replicas } };
}

const headersOf = ({ token }: Cluster) => ({ Authorization: `Bearer ${token}` });

async function readScale(
  cluster: Cluster,
  params: KubernetesScaleParams,
  signal: AbortSignal,
): Promise<Scale> {
  const url = cluster.server + pathOf(params);
  const deed = `reading the scale of ${targetOf(params)}`;
  const call = { method: 'GET', url, headers: headersOf(cluster), tls: { ca: cluster.ca } };
  const answer = await callJson(call, deed, signal);
  if (answer.status !== 200) throw refusal(answer, deed, cluster);
  const scale = scaleIn(answer.json);
  if (!scale) throw new Retryable(`${deed} was answered 200, but not as Kubernetes does`);
  return scale;
}

async function writeScale(
  cluster: Cluster,
  params: KubernetesScaleParams,
  before: Scale,
  replicas: number,
  signal: AbortSignal,
): Promise<Scale | 'conflict'> {
  const url = cluster.server + pathOf(params);
  const deed = `setting ${targetOf(params)} to ${replicas}`;
  const body = scaleBody(params, replicas, before);
  const call = { method: 'PUT', url, headers: headersOf(cluster), tls: { ca: cluster.ca }, body };
  const answer = await callJson(call, deed, signal);
  if (answer.status === 409) return 'conflict';
  if (answer.status !== 200 && answer.status !== 201) throw refusal(answer, deed, cluster);
  const scale = scaleIn(answer.json);
  if (!scale) throw new Ambiguous(`${deed} was answered ${answer.status}, but not as Kubernetes does`);
  return scale;
}

/** See docs/actions/kubernetes_scale.md for the table. */
function refusal({ status, headers, json }: JsonAnswer, deed: string, { token }: Cluster): Error {
  const { kind, message } = Object(json) as { kind?: unknown; message?: unknown };
  const why = kind === 'Status' && typeof message === 'string' ? `: ${message}` : '';
  const answered = `${deed} was answered ${statusText(status)}${maskTexts(why, [token])}`;
  return status >= 500 || status === 408 || status === 429
    ? new Retryable(answered, { retryAfterSeconds: retryAfterSeconds(headers) })
    : new Permanent(answered);
}

function scaleIn(json: unknown): Scale | undefined {
  const { kind, metadata, spec, status } = Object(json) as Record<
    string,
    Record<string, unknown> | undefined
  >;
  const { uid, resourceVersion } = Object(metadata) as Record<string, unknown>;
  if ((kind as unknown) !== 'Scale' || typeof resourceVersion !== 'string') return undefined;
  return {
    uid,
    resourceVersion,
    replicas: Number(spec?.replicas ?? 0),
    observed: Number(status?.replicas ?? 0),
  };
}

/** Another number wanted by somebody else since ends the waiting: ours was set, and will not come. */
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
 * Whether a HorizontalPodAutoscaler owns the target: it will set its own number over ours. Empty when there is none,
 * or when we may not ask.
 */
async function autoscalerWarning(
  cluster: Cluster,
  params: KubernetesScaleParams,
  signal: AbortSignal,
): Promise<string> {
  const { kind, namespace, name } = params;
  const url = `${cluster.server}/apis/autoscaling/v2/namespaces/${namespace}/horizontalpodautoscalers?limit=${AUTOSCALERS_AT_ONCE}`;
  // The replicas are set already: what goes wrong here must not make it look otherwise.
  const soon = AbortSignal.any([signal, AbortSignal.timeout(AUTOSCALER_TIMEOUT_MS)]);
  try {
    let from = '';
    for (let page = 1; page <= AUTOSCALER_PAGES_AT_MOST; page++) {
      const call = { method: 'GET', url: url + from, headers: headersOf(cluster), tls: { ca: cluster.ca } };
      const { status, json } = await callJson(call, 'reading autoscalers', soon);
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
