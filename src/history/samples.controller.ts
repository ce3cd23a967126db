import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { momentOf, momentProblem } from '../api/range-query';
import { CLOCK, type Clock } from '../common/clock';
import { checked } from '../common/check';
import { InvalidInput } from '../common/errors';
import { Choice, Text, Whole } from '../common/fields';
import { Database } from '../database/database';
import { Services } from '../services/services';

/** Answers one point per step. Percentiles interpolate. */
const FUNCTIONS: Record<string, string> = {
  avg: 'avg(value)',
  min: 'min(value)',
  max: 'max(value)',
  sum: 'sum(value)',
  count: 'count(value)::float8',
  last: '(array_agg(value ORDER BY at DESC))[1]',
  p50: 'percentile_cont(0.5) WITHIN GROUP (ORDER BY value)',
  p90: 'percentile_cont(0.9) WITHIN GROUP (ORDER BY value)',
  p95: 'percentile_cont(0.95) WITHIN GROUP (ORDER BY value)',
  p99: 'percentile_cont(0.99) WITHIN GROUP (ORDER BY value)',
};

const MAX_POINTS = 11_000;
const HOUR_MS = 3_600_000;

class SamplesQuery {
  @Text({
    description: 'Name of the metric; may be left out when there is one',
    optional: true,
    maxLength: 100,
  })
  metric?: string;

  @Text({
    description: 'From this moment on (RFC 3339); by default an hour before `to`',
    optional: true,
    check: momentProblem,
  })
  from?: string;

  @Text({ description: 'Up to this moment (RFC 3339); by default now', optional: true, check: momentProblem })
  to?: string;

  @Whole({
    description: 'One point per step, aligned to the step; without it the raw readings',
    unit: 's',
    optional: true,
    minimum: 1,
    maximum: 31_536_000,
  })
  stepSeconds?: number;

  @Choice(Object.keys(FUNCTIONS), { description: 'What a step is made of its readings' })
  function = 'avg';
}

/** What was read. */
@ApiTags('services')
@ApiBearerAuth()
@Controller('api/v1/services/:ref/samples')
export class SamplesController {
  constructor(
    private readonly database: Database,
    private readonly services: Services,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get()
  @ApiOperation({ summary: `Readings of a metric, at most ${MAX_POINTS} points` })
  @ApiQuery({ type: SamplesQuery })
  async samples(@Param('ref') reference: string, @Query() given: Record<string, string>) {
    const service = await this.services.store.get(reference);
    const step = given.stepSeconds === undefined ? {} : { stepSeconds: Number(given.stepSeconds) };
    const query = checked(SamplesQuery, { ...given, ...step });
    const metric = metricOf(query.metric, service.series);
    const to = momentOf(query.to) ?? this.clock.now();
    const from = momentOf(query.from) ?? new Date(to.getTime() - HOUR_MS);
    const points = await this.points(service.series[metric]!, from, to, query);
    return { metric, points };
  }

  private async points(
    series: number,
    from: Date,
    to: Date,
    { stepSeconds, function: name }: SamplesQuery,
  ): Promise<[string, number][]> {
    const [text, values] =
      stepSeconds === undefined
        ? [
            'SELECT at, value FROM samples WHERE series_id = $1 AND at >= $2 AND at <= $3 ORDER BY at LIMIT $4',
            [],
          ]
        : [
            `SELECT date_bin(make_interval(secs => $5), at, 'epoch') AS at, ${FUNCTIONS[name]} AS value
             FROM samples WHERE series_id = $1 AND at >= $2 AND at <= $3 GROUP BY 1 ORDER BY 1 LIMIT $4`,
            [stepSeconds],
          ];
    const rows = await this.database.rows<{ at: Date; value: number }>(text, [
      series,
      from,
      to,
      MAX_POINTS + 1,
      ...values,
    ]);
    if (rows.length > MAX_POINTS) {
      const detail = `more than ${MAX_POINTS} points; ask for a shorter time or a longer step`;
      throw new InvalidInput([{ pointer: '/stepSeconds', detail }]);
    }
    return rows.map(({ at, value }) => [at.toISOString(), value]);
  }
}

function metricOf(metric: string | undefined, series: Record<string, number>): string {
  const known = Object.keys(series);
  const wanted = metric ?? (known.length === 1 ? known[0] : undefined);
  if (wanted !== undefined && Object.hasOwn(series, wanted)) return wanted;
  throw new InvalidInput([{ pointer: '/metric', detail: `must be one of ${known.join(', ')}` }]);
}
