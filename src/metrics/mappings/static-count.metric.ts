import { Whole } from '../../common/fields';
import { MetricMapping, type Metric } from '../metric';

export class StaticCountParams {
  @Whole({ description: 'The number', minimum: 0, maximum: Number.MAX_SAFE_INTEGER, example: 3 })
  value: number;
}

@MetricMapping({
  type: 'static_count',
  title: 'Fixed number',
  description: 'A whole number that is written down, for instance the nodes of a cluster that never changes',
  params: StaticCountParams,
})
export class StaticCount implements Metric<StaticCountParams> {
  async read({ value }: StaticCountParams): Promise<number> {
    return value;
  }
}
