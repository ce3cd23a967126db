import { Controller, Get, Inject, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { momentOf, momentProblem } from '../api/range-query';
import { Needs } from '../auth/access';
import { CLOCK, type Clock } from '../common/clock';
import { checked } from '../common/check';
import { InvalidInput } from '../common/errors';
import { Choice, Text, Whole } from '../common/fields';
import { Services } from './services';
import { MAX_POINTS, POINT_FUNCTIONS, Points, type PointFunction } from '../history/points';
import { Answers, decimal, list, moment, object, shape, text } from '../common/shapes';

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

  @Choice(POINT_FUNCTIONS, { description: 'What a step is made of its readings' })
  function: PointFunction = 'avg';
}

const SAMPLES = shape(
  'Samples',
  object({
    metric: text,
    points: list({ type: 'array', prefixItems: [moment, decimal], minItems: 2, maxItems: 2, items: false }),
  }),
);

/** Readings of a service's metrics, over HTTP. */
@ApiTags('services')
@ApiBearerAuth()
@Controller('api/v1/services/:ref/samples')
export class SamplesController {
  constructor(
    private readonly points: Points,
    private readonly services: Services,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get()
  @Needs('viewer')
  @ApiOperation({ summary: `Readings of a metric, at most ${MAX_POINTS} points` })
  @ApiQuery({ type: SamplesQuery })
  @Answers(SAMPLES)
  async samples(@Param('ref') reference: string, @Query() given: Record<string, string>) {
    const service = await this.services.store.get(reference);
    const step = given.stepSeconds === undefined ? {} : { stepSeconds: Number(given.stepSeconds) };
    const query = checked(SamplesQuery, { ...given, ...step });
    const metric = metricOf(query.metric, service.series);
    const to = momentOf(query.to) ?? this.clock.now();
    const from = momentOf(query.from) ?? new Date(to.getTime() - HOUR_MS);
    const series = service.series[metric]!;
    return { metric, points: await this.points.of({ ...query, series, from, to }) };
  }
}

function metricOf(metric: string | undefined, series: Record<string, number>): string {
  const known = Object.keys(series);
  const wanted = metric ?? (known.length === 1 ? known[0] : undefined);
  if (wanted !== undefined && Object.hasOwn(series, wanted)) return wanted;
  throw new InvalidInput([{ pointer: '/metric', detail: `must be one of ${known.join(', ')}` }]);
}
