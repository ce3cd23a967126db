import { Body, Controller, HttpCode, Inject, Put, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiConsumes, ApiOperation, ApiTags } from '@nestjs/swagger';
import { RouteConfig } from '../common/route-config';
import type { FastifyRequest } from 'fastify';
import { FORM_BODY } from '../api/raw-body';
import { IntakeOf, senderOf } from '../auth/auth';
import type { Sender } from '../auth/identities';
import { CLOCK, type Clock } from '../common/clock';
import { checked } from '../common/check';
import { Forbidden, InvalidInput, NotFound } from '../common/errors';
import { Text } from '../common/fields';
import { numberOf } from '../common/json-path';
import { ServiceLookup, believes, takesPushed, type AddressedService } from './service-lookup';
import { DEFAULT_LIFE_SECONDS } from './alert';
import { labelledBy, labelsProblem, reaches, serviceProblem } from './confinement';
import { AlertIngest } from './alert-ingest';
import { AnswersNothing } from '../common/shapes';

class TrapForm {
  @Text({ description: 'Name of the service', minLength: 1, maxLength: 200 })
  name: string;

  @Text({
    description:
      'A number: it stands for every metric of the service that alerts feed, or for every polled one that accepts what is pushed',
    minLength: 1,
    maxLength: 100,
  })
  value: string;
}

/** Endpoint `PUT /trap` of monscale 2014. */
@ApiTags('alerts')
@ApiBearerAuth()
@Controller('trap')
export class TrapController {
  constructor(
    private readonly serviceLookup: ServiceLookup,
    private readonly ingest: AlertIngest,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Put()
  @HttpCode(204)
  @RouteConfig(FORM_BODY)
  @IntakeOf('native')
  @ApiConsumes('application/x-www-form-urlencoded', 'application/json')
  @ApiBody({ type: TrapForm })
  @ApiOperation({ summary: 'A value for the metrics of a service, as monscale 2014 took it' })
  @AnswersNothing()
  async trap(@Body() body: unknown, @Req() request: FastifyRequest): Promise<void> {
    const { name, value } = checked(TrapForm, body);
    const number = numberOf(value);
    if (number === undefined) throw new InvalidInput([{ pointer: '/value', detail: 'must be a number' }]);
    const service = (await this.serviceLookup.find([name])).get(name);
    const sender = senderOf(request);
    if (service === undefined || (sender.limits && !reaches(service, sender.limits)))
      throw new NotFound('MonitoredService', name);
    const { labels } = speakingFor(service, sender);
    const now = this.clock.now();
    await this.ingest.accept(
      { name: sender.name, format: 'native' },
      fedBy(service, sender.name).map((metric) => ({
        dedupKey: `trap ${service.id} ${metric}`,
        status: 'firing',
        value: number,
        labels,
        annotations: {},
        serviceId: service.id,
        metric,
        at: now,
        lifeSeconds: DEFAULT_LIFE_SECONDS,
      })),
    );
  }
}

/**
 * Returns the labels that the source adds.
 *
 * @throws Forbidden where it may not speak for the service
 */
function speakingFor(service: AddressedService, { limits }: Sender): { labels: Record<string, string> } {
  const alert = { labels: {}, status: 'firing' };
  if (limits === undefined) return alert;
  const labelled = labelledBy(alert, limits);
  const problem = serviceProblem(service, limits) ?? labelsProblem(labelled, limits);
  if (problem !== undefined) throw new Forbidden(problem.detail);
  return labelled;
}

/**
 * Returns the metrics that get the value: all that alerts feed, or else all polled ones that accept pushed numbers.
 *
 * @throws InvalidInput when there are none
 */
function fedBy({ name, metrics }: AddressedService, source: string): string[] {
  const all = Object.keys(metrics);
  const fed = all.filter((metric) => metrics[metric]!.type === 'alert');
  const taking = (fed.length > 0 ? fed : all).filter(
    (metric) => takesPushed(metrics[metric]!) && believes(metrics[metric]!, source),
  );
  if (taking.length > 0) return taking;
  const detail = `service ${name} has no metric that takes numbers of ${source}: one that alerts feed, or one with "acceptsPushed": true`;
  throw new InvalidInput([{ pointer: '/name', detail }]);
}
