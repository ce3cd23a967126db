import { Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { RouteConfig } from '../common/route-config';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RAW_BODY } from '../api/raw-body';
import { IntakeOf, senderOf } from '../auth/auth';
import { CLOCK, type Clock } from '../common/clock';
import type { Answer, Taken } from './formats/alert-format';
import { answered, factsOf, KEY_IN_BODY } from './requests';
import { AlertReceiver } from './alert-receiver';
import { Answers } from '../common/shapes';
import { AnswersByFormat, QUIET } from './intake-answers';

/** Returns the answer of an Alertmanager, which is empty; with the rejected alerts, where there are any. */
export function quietAnswer(body: object): object {
  const { rejected = [] } = body as Partial<Taken>;
  return rejected.length > 0 ? { rejected } : {};
}

/** Intake at paths of other systems, for senders that can only be given a host. */
@ApiTags('alerts')
@ApiBearerAuth()
@Controller()
export class EmulatedController {
  constructor(
    private readonly receiver: AlertReceiver,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Post('api/v2/alerts')
  @HttpCode(200)
  @RouteConfig(RAW_BODY)
  @IntakeOf('alertmanager')
  @ApiOperation({ summary: "Alertmanager's API v2: Prometheus may name this program as an Alertmanager" })
  @Answers(QUIET)
  async toAlertmanager(@Req() request: FastifyRequest): Promise<object> {
    const { body } = await this.take('alertmanager', request);
    return quietAnswer(body);
  }

  @Post(['api/v1/alerts/pagerduty/v2/enqueue', 'v2/enqueue'])
  @HttpCode(202)
  @RouteConfig(RAW_BODY)
  @IntakeOf('pagerduty', KEY_IN_BODY)
  @ApiOperation({ summary: "PagerDuty's Events API v2, for senders that add its path by themselves" })
  @AnswersByFormat()
  async toPagerDuty(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    return answered(reply, await this.take('pagerduty', request));
  }

  @Post([
    'api/v1/alerts/pagerduty/generic/2010-04-15/create_event.json',
    'generic/2010-04-15/create_event.json',
  ])
  @HttpCode(200)
  @RouteConfig(RAW_BODY)
  @IntakeOf('pagerduty', KEY_IN_BODY)
  @ApiOperation({ summary: "PagerDuty's Events API v1" })
  @AnswersByFormat()
  async toPagerDutyV1(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    return answered(reply, await this.take('pagerduty', request));
  }

  @Post(['api/v1/alerts/pagerduty/v2/change/enqueue', 'v2/change/enqueue'])
  @HttpCode(202)
  @RouteConfig(RAW_BODY)
  @IntakeOf('pagerduty', KEY_IN_BODY)
  @ApiOperation({ summary: "PagerDuty's change events, by which no alert begins or ends" })
  @AnswersByFormat()
  change(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): object {
    return answered(reply, this.receiver.takeChange(factsOf(request, this.clock), senderOf(request)));
  }

  @Post('v1/actions/process-check-result')
  @HttpCode(200)
  @RouteConfig(RAW_BODY)
  @IntakeOf('icinga')
  @ApiOperation({ summary: "Icinga's API: a check result" })
  @AnswersByFormat()
  async toIcinga(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    return answered(reply, await this.take('icinga', request));
  }

  private take(format: string, request: FastifyRequest): Promise<Answer> {
    return this.receiver.take(format, factsOf(request, this.clock), senderOf(request));
  }
}
