import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { idOf, momentOf, momentProblem, RangeQuery } from '../api/range-query';
import { checked } from '../common/check';
import { NotFound } from '../common/errors';
import { Choice, Text } from '../common/fields';
import { isId } from '../common/ids';
import { Database } from '../database/database';
import { pageOf } from '../database/definitions';
import type { Attempt, ExecutionStatus } from './execution';
import { Executions } from './executions';

const STATUSES: ExecutionStatus[] = [
  'queued', 'awaiting_approval', 'running', 'waiting', 'succeeded', 'failed', 'unknown', 'cancelled', 'shadowed',
]; // prettier-ignore

class ExecutionsQuery extends RangeQuery {
  @Text({ description: 'Id or name of the service', optional: true, maxLength: 200 })
  service?: string;

  @Text({ description: 'Id or name of the action', optional: true, maxLength: 200 })
  action?: string;

  @Choice(STATUSES, { description: 'Only those in this status', optional: true })
  status?: string;

  @Choice(['trigger', 'test'], {
    description: 'Only those of triggers, or only tests by a person, which have no service',
    optional: true,
  })
  kind?: string;
}

const ENDED_BADLY = ['failed', 'unknown', 'cancelled'] as const;

class RetryDto {
  @Choice(ENDED_BADLY, { description: 'Which of those that ended badly' })
  status: (typeof ENDED_BADLY)[number] = 'failed';

  @Text({ description: 'Id or name of the service', optional: true, maxLength: 200 })
  service?: string;

  @Text({ description: 'Id or name of the action', optional: true, maxLength: 200 })
  action?: string;

  @Text({ description: 'Made from this moment on (RFC 3339)', optional: true, check: momentProblem })
  from?: string;

  @Text({ description: 'Made before this moment (RFC 3339)', optional: true, check: momentProblem })
  to?: string;
}

class Resolution {
  @Choice(['succeeded', 'failed'], { description: 'What came of it at the target' })
  status: 'succeeded' | 'failed';

  @Text({ description: 'How you know', minLength: 1, maxLength: 1_000 })
  note: string;
}

interface ExecutionRow {
  id: string;
  kind: 'trigger' | 'test';
  /** Name of the service; null in tests, which have no trigger either. */
  service: string | null;
  action: string;
  trigger: string | null;
  status: ExecutionStatus;
  justification: string;
  attempts: Attempt[];
  createdAt: Date;
  nextAttemptAt: Date | null;
  expiresAt: Date | null;
  finishedAt: Date | null;
  /** Sentence about the limit it waits for. */
  held: string | null;
  /** Effect on the nodes of an infrastructure. */
  nodes: { current: number; desired: number; delta: number; direction?: string } | null;
}

const SHOWN = `e.id, e.kind, e.service_name AS service, e.action_name AS action, e.trigger_id AS trigger, e.status, e.justification,
  e.attempts, e.created_at AS "createdAt", e.next_attempt_at AS "nextAttemptAt", e.expires_at AS "expiresAt", e.finished_at AS "finishedAt",
  e.held->>'why' AS held, e.variables->'nodes' AS nodes`;

/** Routes for executions and their history. */
@ApiTags('executions')
@ApiBearerAuth()
@Controller('api/v1/executions')
export class ExecutionsController {
  constructor(
    private readonly database: Database,
    private readonly executions: Executions,
  ) {}

  @Get()
  @ApiOperation({ summary: 'Executions, newest first' })
  @ApiQuery({ type: ExecutionsQuery })
  async list(@Query() given: Record<string, string>) {
    const { limit, cursor, from, to, service, action, status, kind } = checked(
      ExecutionsQuery,
      ExecutionsQuery.numbers(given),
    );
    const rows = await this.database.rows<ExecutionRow>(
      `SELECT ${SHOWN} FROM executions e
       WHERE ($1::uuid IS NULL OR e.id < $1) AND ($2::timestamptz IS NULL OR e.created_at >= $2)
         AND ($3::timestamptz IS NULL OR e.created_at < $3) AND ($4::text IS NULL OR e.status = $4)
         AND ($5::text IS NULL OR e.service_name = $5 OR e.service_id IN (SELECT id FROM services WHERE name = $5) OR e.service_id = $6)
         AND ($7::text IS NULL OR e.action_name = $7 OR e.action_id IN (SELECT id FROM actions WHERE name = $7) OR e.action_id = $8)
         AND ($9::text IS NULL OR e.kind = $9)
       ORDER BY e.id DESC LIMIT $10`,
      [
        cursor ?? null,
        momentOf(from) ?? null,
        momentOf(to) ?? null,
        status ?? null,
        service ?? null,
        service !== undefined && isId(service) ? service : null,
        action ?? null,
        action !== undefined && isId(action) ? action : null,
        kind ?? null,
        limit + 1,
      ],
    );
    const { items, nextCursor } = pageOf(rows, limit);
    return { items: items.map(show), nextCursor };
  }

  @Get(':id')
  @ApiOperation({ summary: 'One execution with all its attempts' })
  async get(@Param('id') id: string) {
    const [row] = await this.database.rows<ExecutionRow>(
      `SELECT ${SHOWN} FROM executions e WHERE e.id = $1`,
      [idOf(id)],
    );
    if (row === undefined) throw new NotFound('execution', id);
    return show(row);
  }

  @Post('retry')
  @HttpCode(200)
  @ApiBody({ type: RetryDto, required: false })
  @ApiOperation({
    summary:
      'Retry all failed ones that match, up to 10,000 at a time; those that would scale otherwise than they say now are `changed`, and left to a person',
  })
  async retryAll(@Body() body: unknown) {
    const { from, to, ...filter } = checked(RetryDto, body ?? {});
    return this.executions.retryAll({ ...filter, from: momentOf(from), to: momentOf(to) });
  }

  @Post(':id/retry')
  @HttpCode(200)
  @ApiOperation({ summary: 'Try a failed, unknown or cancelled one again, with the same key' })
  async retry(@Param('id') id: string) {
    await this.executions.retry(idOf(id));
    return this.get(id);
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @ApiOperation({ summary: 'Cancel one that has not begun' })
  async cancel(@Param('id') id: string) {
    await this.executions.cancel(idOf(id));
    return this.get(id);
  }

  @Post(':id/approve')
  @HttpCode(200)
  @ApiOperation({
    summary:
      'Approve one that waits for it; 409 when the nodes have moved since: it says what it would do now, and is to be approved again',
  })
  async approve(@Param('id') id: string) {
    await this.executions.approve(idOf(id));
    return this.get(id);
  }

  @Post(':id/reject')
  @HttpCode(200)
  @ApiOperation({ summary: 'Reject one that waits for approval' })
  async reject(@Param('id') id: string) {
    await this.executions.reject(idOf(id));
    return this.get(id);
  }

  @Post(':id/resolve')
  @HttpCode(200)
  @ApiBody({ type: Resolution })
  @ApiOperation({ summary: 'Say what came of an unknown one' })
  async resolve(@Param('id') id: string, @Body() body: unknown) {
    const { status, note } = checked(Resolution, body);
    await this.executions.resolve(idOf(id), status, note);
    return this.get(id);
  }
}

/** Returns an execution as it is shown, without fields that are null. */
function show(row: ExecutionRow): object {
  const known = Object.entries(row).filter(([, value]) => value !== null);
  return { ...Object.fromEntries(known), idempotencyKey: row.id };
}
