import { Body, Controller, Get, HttpCode, Post, Query, Req } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiBody,
  ApiOperation,
  ApiQuery,
  ApiTags,
  ApiExtraModels,
  getSchemaPath,
} from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { momentOf, RangeQuery } from '../api/range-query';
import { IntakeOf, sourceOf } from '../auth/auth';
import { checked, step, within } from '../common/check';
import { InvalidInput, PayloadTooLarge, type FieldError } from '../common/errors';
import { Choice, Text } from '../common/fields';
import { isId } from '../common/ids';
import { telemetry } from '../common/telemetry';
import { Database } from '../database/database';
import { pageOf } from '../database/definitions';
import type { IncomingAlert } from './alert';
import { Addressees, metricFor } from './addressees';
import { FormatRegistry } from './format-registry';
import type { Parsed } from './formats/alert-format';
import { NativeAlert } from './formats/native.format';
import { Intake } from './intake';

const MAX_ALERTS = 10_000;

class AlertsQuery extends RangeQuery {
  @Text({ description: 'Name of the source', optional: true, maxLength: 200 })
  source?: string;

  @Choice(['firing', 'resolved'], { description: 'Only those in this status', optional: true })
  status?: string;

  @Text({ description: 'Id or name of a service it was for or matched', optional: true, maxLength: 200 })
  service?: string;
}

interface AlertRow {
  id: string;
  value: number | null;
}

/** What others send, and what became of it. */
@ApiTags('alerts')
@ApiBearerAuth()
@ApiExtraModels(NativeAlert)
@Controller('api/v1/alerts')
export class AlertsController {
  constructor(
    private readonly database: Database,
    private readonly formats: FormatRegistry,
    private readonly addressees: Addressees,
    private readonly intake: Intake,
  ) {}

  @Post()
  @HttpCode(202)
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
  async accept(@Body() body: unknown, @Req() request: FastifyRequest) {
    if (Array.isArray(body) && body.length > MAX_ALERTS)
      throw new PayloadTooLarge(`at most ${MAX_ALERTS} alerts in one request`);
    const parsed = this.formats.get('native').strategy.parse(body, {});
    const { alerts, rejected } = await this.addressed(parsed);
    telemetry.alertsRefused.inc({ format: 'native', reason: 'invalid' }, rejected.length);
    if (alerts.length === 0 && rejected.length > 0) {
      const isArray = Array.isArray(body);
      throw new InvalidInput(
        rejected.flatMap(({ index, errors }) =>
          errors.map((error) => within(isArray ? step(index) : '', error)),
        ),
      );
    }
    return { accepted: await this.intake.accept(sourceOf(request, 'native'), alerts), rejected };
  }

  private async addressed(parsed: Parsed[]) {
    const named = parsed.flatMap((one) => (one.errors ? [] : (one.alert.service ?? [])));
    const services = await this.addressees.find(named);
    const alerts: IncomingAlert[] = [];
    const rejected: { index: number; errors: FieldError[] }[] = [];
    parsed.forEach((one, index) => {
      if (one.errors) return void rejected.push({ index, errors: one.errors });
      const { service: reference, metric, ...alert } = one.alert;
      if (reference === undefined) return void alerts.push(alert);
      const service = services.get(reference);
      const errors = [{ pointer: '/service', detail: `there is no service ${JSON.stringify(reference)}` }];
      const target = service === undefined ? { errors } : metricFor(service, metric);
      if ('errors' in target) return void rejected.push({ index, errors: target.errors });
      alerts.push({ ...alert, serviceId: service!.id, metric: target.metric });
    });
    return { alerts, rejected };
  }

  @Get()
  @ApiOperation({
    summary: 'Alerts, newest first, with what they matched and what was executed because of them',
  })
  @ApiQuery({ type: AlertsQuery })
  async list(@Query() given: Record<string, string>) {
    const { limit, cursor, from, to, source, status, service } = checked(
      AlertsQuery,
      AlertsQuery.numbers(given),
    );
    const rows = await this.database.rows<AlertRow>(
      `SELECT a.id, a.source, a.format, a.dedup_key AS "dedupKey", a.status, a.value, a.labels, a.annotations, a.at,
         a.received_at AS "receivedAt", a.last_seen_at AS "lastSeenAt",
         coalesce((SELECT jsonb_agg(jsonb_build_object('service', s.name, 'metric', m.metric) ORDER BY s.name, m.metric)
           FROM alert_matches m JOIN services s ON s.id = m.service_id WHERE m.alert_id = a.id), '[]') AS matched,
         array(SELECT e.id FROM trigger_alerts t JOIN executions e ON e.trigger_id = t.trigger_id
           WHERE t.alert_id = a.id ORDER BY e.id) AS executions
       FROM alerts a
       WHERE ($1::uuid IS NULL OR a.id < $1) AND ($2::timestamptz IS NULL OR a.received_at >= $2)
         AND ($3::timestamptz IS NULL OR a.received_at < $3) AND ($4::text IS NULL OR a.source = $4)
         AND ($5::text IS NULL OR a.status = $5)
         AND ($6::text IS NULL OR a.id IN (SELECT m.alert_id FROM alert_matches m JOIN services s ON s.id = m.service_id
           WHERE s.name = $6 OR s.id = $7))
       ORDER BY a.id DESC LIMIT $8`,
      [
        cursor ?? null,
        momentOf(from) ?? null,
        momentOf(to) ?? null,
        source ?? null,
        status ?? null,
        service ?? null,
        service !== undefined && isId(service) ? service : null,
        limit + 1,
      ],
    );
    const { items, nextCursor } = pageOf(rows, limit);
    return {
      items: items.map(({ value, ...row }) => ({ ...row, ...(value === null ? {} : { value }) })),
      nextCursor,
    };
  }
}
