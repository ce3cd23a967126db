/** Scale subresource of a workload (Kubernetes API, apps/v1; autoscaling/v1 Scale). */
import { callJson } from '../http/json-call';
import { Ambiguous, Permanent, Retryable } from '../outcomes';
import { callOf, NAME, NAME_HINT, NAMESPACE, refusal, statusOf, type Cluster } from './cluster';

export const KINDS = ['Deployment', 'StatefulSet', 'ReplicaSet'] as const;
export type Kind = (typeof KINDS)[number];

export interface Workload {
  namespace: string;
  kind: Kind;
  name: string;
}

export interface Scale {
  uid: unknown;
  resourceVersion: string;
  /** Number of replicas that are wanted. */
  replicas: number;
  /** Number of replicas that there are, ready or not. */
  observed: number;
  /** Selector of its pods, as a query takes it. */
  selector?: string;
}

/** Names a workload in sentences. */
export const workloadText = ({ kind, namespace, name }: Workload): string => `${kind} ${namespace}/${name}`;

/**
 * Returns the path of a workload's scale. @throws Permanent when a rendered name is none: it would become part of
 * another path
 *
 * @throws Permanent when a rendered name is none: it would become part of another path
 */
export function scalePath(workload: Workload): string {
  const { kind, namespace, name } = workload;
  if (!NAMESPACE.test(namespace) || !NAME.test(name))
    throw new Permanent(`${workloadText(workload)} can't be asked: its namespace and name ${NAME_HINT}`);
  return `/apis/apps/v1/namespaces/${namespace}/${kind.toLowerCase()}s/${name}/scale`;
}

/**
 * Makes the body that sets the replicas. @param replicas in words where a preview does not know the number
 *
 * @param replicas in words where a preview does not know it
 */
export function scaleBody({ namespace, name }: Workload, replicas: number | string, of?: Scale): object {
  const metadata = { name, namespace, uid: of?.uid, resourceVersion: of?.resourceVersion };
  return { kind: 'Scale', apiVersion: 'autoscaling/v1', metadata, spec: { replicas } };
}

/**
 * Reads the scale of a workload. @throws Retryable, Permanent
 *
 * @throws Retryable, Permanent
 */
export async function readScale(cluster: Cluster, workload: Workload, signal: AbortSignal): Promise<Scale> {
  const deed = `reading the scale of ${workloadText(workload)}`;
  const answer = await callJson(callOf(cluster, scalePath(workload)), deed, signal);
  if (statusOf(answer) !== 200) throw refusal(answer, deed, cluster);
  const scale = scaleIn(answer.json);
  if (!scale) throw new Retryable(`${deed} was answered 200, but not as Kubernetes does`);
  return scale;
}

/**
 * Sets the replicas of a workload; `conflict` when its scale has changed since it was read.
 *
 * @throws Retryable, Permanent, Ambiguous
 */
export async function writeScale(
  cluster: Cluster,
  workload: Workload,
  before: Scale,
  replicas: number,
  signal: AbortSignal,
): Promise<Scale | 'conflict'> {
  const deed = `setting ${workloadText(workload)} to ${replicas}`;
  const body = scaleBody(workload, replicas, before);
  const call = { ...callOf(cluster, scalePath(workload), 'PUT'), body };
  const answer = await callJson(call, deed, signal);
  const status = statusOf(answer);
  if (status === 409) return 'conflict';
  if (status < 200 || status >= 300) {
    const error = refusal(answer, deed, cluster);
    // Who fails on the way may have done it; 503 is said before.
    throw status >= 500 && status !== 503 ? new Ambiguous(`${error.message}; it may have been done`) : error;
  }
  const scale = scaleIn(answer.json);
  if (!scale) throw new Ambiguous(`${deed} was answered ${answer.status}, but not as Kubernetes does`);
  if (scale.replicas !== replicas)
    throw new Permanent(
      `${deed} was answered ${answer.status}, but with ${scale.replicas}: something in the cluster, such as an admission webhook, sets another number`,
    );
  return scale;
}

function scaleIn(json: unknown): Scale | undefined {
  const { kind, metadata, spec, status } = Object(json) as Record<
    string,
    Record<string, unknown> | undefined
  >;
  const { uid, resourceVersion } = Object(metadata) as Record<string, unknown>;
  // Kubernetes leaves 0 out of what is wanted, but not out of what there is.
  const replicas = spec?.replicas ?? 0;
  const { replicas: observed, selector } = Object(status) as Record<string, unknown>;
  if ((kind as unknown) !== 'Scale' || typeof resourceVersion !== 'string') return undefined;
  if (!isCount(replicas) || !isCount(observed)) return undefined;
  return { uid, resourceVersion, replicas, observed, selector: selector as string | undefined };
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 0;
