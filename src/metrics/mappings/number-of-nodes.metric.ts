import { MetricMapping, type Metric, type ReadContext } from '../metric';
import { unlessAborted } from '../../common/unless-aborted';

export class NumberOfNodesParams {}

@MetricMapping({
  type: 'number_of_nodes',
  title: 'Number of nodes',
  description: "Counts the nodes of the service's infrastructure",
  params: NumberOfNodesParams,
  asksForNodes: true,
})
export class NumberOfNodes implements Metric<NumberOfNodesParams> {
  async read(_params: NumberOfNodesParams, context: ReadContext): Promise<number> {
    return unlessAborted(context.signal, context.nodes());
  }
}
