import { isIP } from 'node:net';
import type { FieldError } from '../../common/errors';
import { canonical } from '../../common/addresses';
import { TextList } from '../../common/fields';
import { MetricMapping, type Metric, type Node } from '../metric';

export class StaticNodesParams {
  @TextList({ description: 'Addresses of the nodes, IPv4 or IPv6', example: ['10.0.0.1', '10.0.0.2'] })
  addresses: string[];

  problems(): FieldError[] {
    const spelt = this.addresses.map(canonical);
    return this.addresses.flatMap((address, index) => {
      const pointer = `/addresses/${index}`;
      if (isIP(address) === 0 || address.includes('%')) return [{ pointer, detail: 'must be an IP address' }];
      if (spelt.indexOf(canonical(address)) < index) return [{ pointer, detail: 'is there twice' }];
      return [];
    });
  }
}

@MetricMapping({
  type: 'static_nodes',
  title: 'Nodes by address',
  description: 'Counts nodes that are written down by their addresses, for instance behind a load balancer',
  params: StaticNodesParams,
})
export class StaticNodes implements Metric<StaticNodesParams> {
  async read({ addresses }: StaticNodesParams): Promise<number> {
    return addresses.length;
  }

  async nodes({ addresses }: StaticNodesParams): Promise<Node[]> {
    return addresses.map((address) => ({ id: address, name: address, address }));
  }
}
