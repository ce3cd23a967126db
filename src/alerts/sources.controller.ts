import { Controller, Get, Inject, Param, Res } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { definitionController, type Resource } from '../api/definition.controller';
import { NeedsWhole } from '../auth/access';
import { CLOCK, type Clock } from '../common/clock';
import { SourceActivity } from './source-activity';
import { SourceDto, Sources, SourcesQuery } from './sources';
import {
  Answers,
  labels,
  list,
  MANAGED,
  moment,
  object,
  shape,
  shownOf,
  text,
  uuid,
  whole,
} from '../common/shapes';

const RECEIVED_ALERT = object({
  id: uuid,
  dedupKey: text,
  status: text,
  labels,
  matched: list(object({ service: text, metric: text })),
});
const RECEIPT = shape(
  'Receipt',
  object({
    at: moment,
    format: text,
    status: whole,
    payload: text,
    alertCount: whole,
    alerts: list(RECEIVED_ALERT),
    errors: list(object({ detail: text }, { pointer: text, index: whole })),
    notes: list(object({ index: whole, detail: text })),
  }),
);

@Controller('api/v1/sources')
export class SourcesController extends definitionController(
  'sources',
  SourceDto,
  Sources,
  SourcesQuery,
  {
    reads: NeedsWhole('viewer'),
    writes: NeedsWhole('admin'),
  },
  {
    // The token is shown once, in the answer that makes it.
    optional: { ...MANAGED, token: text, warnings: list(text), lastSeenAt: moment, alertsPerMinute: whole },
  },
) {
  constructor(
    private readonly sources: Sources,
    private readonly activity: SourceActivity,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    super();
  }

  @Get(':ref')
  @NeedsWhole('viewer')
  @ApiOperation({
    summary: 'Read, by id or name; with when it was last heard, and how much came in the last minute',
  })
  @Answers(shownOf(SourceDto))
  override async get(
    @Param('ref') reference: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Resource> {
    const source = await this.sources.withWarnings(await super.get(reference, reply));
    return { ...source, ...(await this.activity.summary(source.id, this.clock.now())) };
  }

  @Get(':ref/recent')
  @NeedsWhole('admin')
  @ApiOperation({
    summary: 'The last payloads, what each was read as, and what became of it or why it was refused',
  })
  @Answers(object({ items: list(RECEIPT) }))
  async recent(@Param('ref') reference: string): Promise<{ items: object[] }> {
    const { id } = await this.sources.get(reference);
    return { items: await this.activity.recent(id) };
  }
}
