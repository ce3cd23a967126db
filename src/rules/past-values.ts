import { Injectable } from '@nestjs/common';
import { Samples } from '../history/samples';
import { compileCondition, ConditionError } from '../engine/condition';
import { filledIn, type Filled, type Why } from '../engine/explain';
import { isOfChange } from '../engine/window';
import { STALE_INTERVALS, throughWindows } from './observer';
import type { CompiledService } from './compiled-service';
import type { ShownValues } from './service-observation';
import { own } from '../common/records';

/** Values that metrics had at a past moment, from recorded samples. */
@Injectable()
export class PastValues {
  constructor(private readonly samples: Samples) {}

  /** Returns values read by `at`, if still valid then and not from before `since`; a metric without one is left out. */
  async values({ service, reads, windows }: CompiledService, at: Date, since: Date): Promise<ShownValues> {
    const oldest = Math.max(
      at.getTime() - STALE_INTERVALS * service.intervalSeconds * 1000,
      since.getTime() - 1,
    );
    const metrics = Object.keys(reads).filter((metric) => Object.hasOwn(service.series, metric));
    const [latest, readings] = await Promise.all([
      this.samples.latest(
        metrics.map((metric) => service.series[metric]!),
        new Date(oldest),
        at,
      ),
      this.samples.windows(
        windows.map(({ series, window }) => ({
          series,
          seconds: window.seconds,
          isOfChange: isOfChange(window.function),
        })),
        at,
      ),
    ]);
    const read = metrics.flatMap((metric) => {
      const sample = latest.get(service.series[metric]!);
      return sample === undefined ? [] : [[metric, sample] as const];
    });
    const values = Object.fromEntries(read.map(([metric, { value }]) => [metric, value]));
    const observation = throughWindows({ service, windows }, { values, errors: {}, at }, readings);
    return Object.fromEntries(
      read.flatMap(([metric, sample]) => {
        const value = own(observation.values, metric);
        return value === undefined ? [] : [[metric, { value, at: sample.at.toISOString() }]];
      }),
    );
  }

  /** Fills these values into the conditions of that time, which may differ from today's. */
  filledIn(why: Why, values: ShownValues): Why {
    const refilled = (one: Filled): Filled => {
      try {
        const condition = compileCondition(one.text, Object.keys(values));
        return filledIn(one.text, (given) => condition(given).truth, { values });
      } catch (error) {
        if (error instanceof ConditionError) return one;
        throw error;
      }
    };
    return {
      ...why,
      condition: refilled(why.condition),
      ...(why.recovery === undefined ? {} : { recovery: refilled(why.recovery) }),
    };
  }
}
