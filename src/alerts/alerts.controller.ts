import {
  Controller,
  Get,
  HttpCode,
  Inject,
  Options,
  Param,
  Post,
  Put,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import { RouteConfig } from '../common/route-config';
import {
  ApiBearerAuth,
  ApiBody,
  ApiExtraModels,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiQuery,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RAW_BODY } from '../api/raw-body';
import type { GivenQuery } from '../api/filters';
import { queryOf } from '../api/page-query';
import { Needs, Public } from '../auth/access';
import { IntakeOf, senderOf } from '../auth/auth';
import { CLOCK, type Clock } from '../common/clock';
import { NativeAlert } from './formats/native.format';
import { answered, factsOf, formatIn, KEY_IN_BODY } from './requests';
import { AlertReceiver } from './alert-receiver';
import { ALERT, AlertsQuery, ShownAlerts } from './shown-alerts';
import { Answers, pageShape } from '../common/shapes';
import { AnswersByFormat, TAKEN } from './intake-answers';

/** Intake and list of alerts, over HTTP. */
@ApiTags('alerts')
@ApiBearerAuth()
@ApiExtraModels(NativeAlert)
@Controller('api/v1/alerts')
export class AlertsController {
  constructor(
    private readonly shown: ShownAlerts,
    private readonly receiver: AlertReceiver,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Post()
  @HttpCode(202)
  @RouteConfig(RAW_BODY)
  @IntakeOf('native')
  @ApiOperation({ summary: 'Alerts in the native format, one or an array; accepted means committed' })
  @ApiBody({
    schema: {
      oneOf: [
        { $ref: getSchemaPath(NativeAlert) },
        { type: 'array', items: { $ref: getSchemaPath(NativeAlert) } },
      ],
    },
  })
  @Answers(TAKEN, { status: 202 })
  acceptNative(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    return this.answer('native', request, reply);
  }

  @Post(':format')
  @HttpCode(202)
  @RouteConfig(RAW_BODY)
  @IntakeOf(formatIn, KEY_IN_BODY)
  @ApiOperation({ summary: 'What other systems send, in their format; see GET /mappings' })
  @ApiParam({ name: 'format', description: 'An alert format, or `auto`: found by its shape' })
  @ApiBody({ schema: { description: 'As the format has it; see docs/alerts' } })
  @AnswersByFormat()
  accept(
    @Param('format') format: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.answer(format, request, reply);
  }

  @Put(':format')
  @HttpCode(202)
  @RouteConfig(RAW_BODY)
  @IntakeOf(formatIn, KEY_IN_BODY)
  @ApiOperation({ summary: 'The same for senders that put' })
  @ApiParam({ name: 'format', description: 'An alert format' })
  @ApiBody({ schema: { description: 'As the format has it; see docs/alerts' } })
  @AnswersByFormat()
  put(
    @Param('format') format: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    return this.answer(format, request, reply);
  }

  /**
   * Answers the handshake of CloudEvents: deliveries are welcome from any sender with a token (HTTP 1.1 Web Hooks,
   * section 4).
   */
  @Options('cloudevents')
  @Public()
  @HttpCode(200)
  @ApiOperation({ summary: 'The handshake of CloudEvents web hooks' })
  @ApiOkResponse()
  handshake(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): void {
    void reply.header('Allow', 'POST');
    const origin = request.headers['webhook-request-origin'];
    if (typeof origin === 'string' && /^[\w.:/*-]{1,253}$/.test(origin))
      void reply.headers({ 'WebHook-Allowed-Origin': origin, 'WebHook-Allowed-Rate': '*' });
  }

  private async answer(format: string, request: FastifyRequest, reply: FastifyReply): Promise<object> {
    const facts = factsOf(request, this.clock);
    return answered(reply, await this.receiver.take(format, facts, senderOf(request)));
  }

  @Get()
  @Needs('viewer')
  @ApiOperation({
    summary:
      'Alerts, newest first, with what they matched and what was executed because of them; within a scope, only those that matched a service in it',
  })
  @ApiQuery({ type: AlertsQuery })
  @Answers(pageShape(ALERT))
  list(@Query() given: GivenQuery) {
    return this.shown.list(queryOf(AlertsQuery, given));
  }
}
