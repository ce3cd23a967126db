/** Pods of a cluster (Kubernetes API, core/v1 PodList). */
import { callJson } from '../http/json-call';
import { Retryable } from '../outcomes';
import { callOf, refusal, statusOf, type Cluster } from './cluster';

const PODS_AT_ONCE = 500;
const PAGES_AT_MOST = 20;
/** Phases of a pod whose containers have ended, and will not start again. */
const ENDED = ['Succeeded', 'Failed'];

export interface Pod {
  uid: string;
  name: string;
  /** Address; absent until it has one. */
  address?: string;
}

interface PodList {
  kind?: unknown;
  metadata?: { continue?: string };
  items?: {
    metadata?: { uid?: string; name?: string; deletionTimestamp?: string };
    status?: { phase?: string; podIP?: string };
  }[];
}

/**
 * Returns all pods that the selector fits and that live: not ended, and not being deleted. @throws Retryable, Permanent
 */
export async function livingPods(
  cluster: Cluster,
  namespace: string,
  selector: string,
  signal: AbortSignal,
): Promise<Pod[]> {
  const deed = `reading the pods of ${namespace} with ${selector}`;
  const path = `/api/v1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(selector)}&limit=${PODS_AT_ONCE}`;
  const pods: Pod[] = [];
  let from = '';
  for (let page = 1; page <= PAGES_AT_MOST; page++) {
    const answer = await callJson({ ...callOf(cluster, path + from), isList: true }, deed, signal);
    if (statusOf(answer) !== 200) throw refusal(answer, deed, cluster);
    const { kind, metadata, items } = Object(answer.json) as PodList;
    if (kind !== 'PodList' || !Array.isArray(items))
      throw new Retryable(`${deed} was answered 200, but not as Kubernetes does`);
    for (const { metadata: { uid, name = '', deletionTimestamp } = {}, status = {} } of items) {
      if (uid === undefined) throw new Retryable(`${deed} was answered a pod without uid`);
      const lives = deletionTimestamp === undefined && !ENDED.includes(status.phase ?? '');
      if (lives) pods.push({ uid, name, address: status.podIP });
    }
    if (!metadata?.continue) return pods;
    from = `&continue=${encodeURIComponent(metadata.continue)}`;
  }
  throw new Retryable(`${deed} found more than ${PAGES_AT_MOST * PODS_AT_ONCE}`);
}
