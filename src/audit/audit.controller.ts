import { Readable } from 'node:stream';
import { Controller, Get, Headers, Query, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiProduces, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { GivenQuery } from '../api/filters';
import { queryOf } from '../api/page-query';
import { momentOf, RangeQuery } from '../api/range-query';
import { NeedsWhole } from '../auth/access';
import { Choice, Text } from '../common/fields';
import { heard } from '../common/heard';
import { NEWEST_FIRST, pageOf, positionIn } from '../database/pages';
import { AuditLog } from './audit-log';
import {
  Answers,
  list,
  moment,
  object,
  oneOf,
  pageShape,
  shape,
  someObject,
  text,
  uuid,
} from '../common/shapes';
import { CHANGE } from '../api/versioned-definitions';

const NDJSON = 'application/x-ndjson';

class AuditQuery extends RangeQuery {
  @Text({ description: 'Who did it, by the name that entries show', optional: true, maxLength: 300 })
  actor?: string;

  @Text({ description: 'What was done: create, update, approve, …', optional: true, maxLength: 100 })
  action?: string;

  @Text({
    description: 'Id or name of what it was done to, or its type and name: service:web',
    optional: true,
    maxLength: 300,
  })
  object?: string;

  @Choice(['succeeded', 'failed', 'refused'], { description: 'What came of it', optional: true })
  outcome?: string;

  @Text({
    description: 'By what: session, token, administrator, source, program, …',
    optional: true,
    maxLength: 100,
  })
  via?: string;

  @Text({ description: 'Address of the client', optional: true, maxLength: 100 })
  address?: string;
}

const ENTRY = shape(
  'AuditEntry',
  object(
    {
      id: uuid,
      at: moment,
      actor: text,
      via: text,
      address: text,
      action: text,
      object: object({ type: text }, { id: text, name: text }),
      outcome: oneOf(['succeeded', 'failed', 'refused']),
      changes: list(CHANGE),
    },
    { detail: someObject },
  ),
);

/** HTTP API of the audit: who did what, when, from where, and what it changed. */
@ApiTags('audit')
@ApiBearerAuth()
@Controller('api/v1/audit')
export class AuditController {
  constructor(private readonly log: AuditLog) {}

  @Get()
  @NeedsWhole('admin')
  @ApiOperation({
    summary: 'Who did what, newest first; as application/x-ndjson all of it, without pages',
  })
  @ApiQuery({ type: AuditQuery })
  @ApiProduces('application/json', NDJSON)
  @Answers(pageShape(ENTRY))
  async list(
    @Query() query: GivenQuery,
    @Headers('accept') accept: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object> {
    const { limit, cursor, from, to, ...rest } = queryOf(AuditQuery, query);
    const filter = { ...rest, from: momentOf(from), to: momentOf(to) };
    if (accept?.toLowerCase().includes(NDJSON) === true) {
      void reply.type(NDJSON);
      return heard(Readable.from(this.log.lines(filter), { objectMode: true, highWaterMark: 1 }));
    }
    const before = cursor === undefined ? undefined : positionIn(cursor, NEWEST_FIRST).id;
    const [entries, count] = await Promise.all([
      this.log.read(filter, limit + 1, before),
      this.log.count(filter),
    ]);
    return pageOf(entries, limit, count);
  }
}
