import { Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RAW_BODY } from '../api/raw-body';
import { IntakeOf, senderOf } from '../auth/auth';
import { CLOCK, type Clock } from '../common/clock';
import { factsOf } from './requests';
import { Reception } from './reception';

/** Paths of other systems whose senders name a host and nothing more. */
@ApiTags('alerts')
@ApiBearerAuth()
@Controller()
export class EmulatedController {
  constructor(
    private readonly reception: Reception,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Post('api/v2/alerts')
  @HttpCode(200)
  @RouteConfig(RAW_BODY)
  @IntakeOf('alertmanager')
  @ApiOperation({ summary: "Alertmanager's API v2: Prometheus may name this program as an Alertmanager" })
  async fromPrometheus(@Req() request: FastifyRequest): Promise<object> {
    const facts = factsOf(request, this.clock);
    const { body } = await this.reception.take('alertmanager', facts, senderOf(request));
    return body;
  }

  @Post('v1/actions/process-check-result')
  @HttpCode(200)
  @RouteConfig(RAW_BODY)
  @IntakeOf('icinga')
  @ApiOperation({ summary: "Icinga's API: a check result" })
  async fromIcingaSender(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const facts = factsOf(request, this.clock);
    const { status, body } = await this.reception.take('icinga', facts, senderOf(request));
    void reply.status(status);
    return body;
  }
}
