import { messageOf } from '../../common/errors';
import { Choice, Nested, Text } from '../../common/fields';
import {
  ACCOUNT_FOLDER,
  clusterOf,
  ClusterParams,
  NAME,
  NAME_HINT,
  NAMESPACE,
  type Cluster,
} from '../../targets/kubernetes/cluster';
import { livingPods } from '../../targets/kubernetes/pods';
import { KINDS, readScale, workloadText, type Kind } from '../../targets/kubernetes/scale';
import { MetricMapping, type Metric, type Node, type ReadContext } from '../metric';

export class KubernetesReplicasParams {
  @Text({
    directs: 'nothing',
    description: 'Namespace of the workload',
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
    minLength: 1,
    pattern: NAME,
    patternHint: NAME_HINT,
    example: 'web',
  })
  name: string;

  @Nested(() => ClusterParams, {
    description: 'The cluster; without it the one that monscale runs in',
    optional: true,
  })
  cluster?: ClusterParams;
}

@MetricMapping({
  type: 'kubernetes_replicas',
  title: 'Kubernetes: replicas',
  description: 'Counts the replicas that a Deployment, StatefulSet or ReplicaSet has',
  params: KubernetesReplicasParams,
})
export class KubernetesReplicas implements Metric<KubernetesReplicasParams> {
  accountFolder = ACCOUNT_FOLDER;

  async read(params: KubernetesReplicasParams, { signal }: ReadContext): Promise<number> {
    return this.reading('replicas', params, async (cluster) => {
      return (await readScale(cluster, params, signal)).observed;
    });
  }

  /** Lists the workload's pods, by their uid. */
  async nodes(params: KubernetesReplicasParams, { signal }: Pick<ReadContext, 'signal'>): Promise<Node[]> {
    return this.reading('pods', params, async (cluster) => {
      const { selector } = await readScale(cluster, params, signal);
      if (!selector) throw new Error('it has no selector');
      const pods = await livingPods(cluster, params.namespace, selector, signal);
      return pods.map(({ uid, name, address }) => ({ id: uid, name, address }));
    });
  }

  private async reading<T>(
    what: string,
    params: KubernetesReplicasParams,
    read: (cluster: Cluster) => Promise<T>,
  ): Promise<T> {
    const where = params.cluster ? new URL(params.cluster.server).host : 'the cluster it runs in';
    try {
      return await read(await clusterOf(params.cluster, this.accountFolder));
    } catch (error) {
      const sentence = `cannot read the ${what} of ${workloadText(params)} from ${where}`;
      throw new Error(`${sentence}: ${messageOf(error)}`, { cause: error });
    }
  }
}
