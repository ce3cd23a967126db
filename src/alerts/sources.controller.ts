import { Controller, Delete, Get, HttpCode, Inject, Logger, Param, Res } from '@nestjs/common';
import { ApiOperation } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { definitionController, type Resource } from '../api/definition.controller';
import { CLOCK, type Clock } from '../common/clock';
import { NotFound } from '../common/errors';
import { storable } from '../common/json';
import { SourceActivity } from './source-activity';
import { SourceDto, Sources } from './sources';
import { EngineStore } from './traps/engine-store';
import { Refusals } from './traps/refusals';

@Controller('api/v1/sources')
export class SourcesController extends definitionController('sources', SourceDto, Sources) {
  private readonly logger = new Logger('Sources');

  constructor(
    private readonly sources: Sources,
    private readonly activity: SourceActivity,
    private readonly refusals: Refusals,
    private readonly engineStore: EngineStore,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    super();
  }

  @Get(':ref')
  @ApiOperation({
    summary: 'Read, by id or name; with when it was last heard, and how much came in the last minute',
  })
  override async get(
    @Param('ref') reference: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Resource> {
    const source = await this.sources.withWarnings(await super.get(reference, reply));
    return { ...source, ...(await this.activity.activity(source.id, this.clock.now())) };
  }

  @Get(':ref/recent')
  @ApiOperation({
    summary: 'The last payloads, what each was read as, and what became of it or why it was refused',
  })
  async recent(@Param('ref') reference: string): Promise<{ items: object[] }> {
    const { id } = await this.sources.get(reference);
    return { items: await this.activity.recent(id) };
  }

  @Get(':ref/refused')
  @ApiOperation({
    summary: 'The last 100 senders whose SNMP notifications were refused, how often, and why',
  })
  async refused(@Param('ref') reference: string): Promise<{ items: object[] }> {
    const { id } = await this.sources.get(reference);
    return { items: await this.refusals.ofSource(id) };
  }

  @Get(':ref/engines')
  @ApiOperation({
    summary: 'SNMP engines that sent version 3 traps: boots, time and when they were heard; the last 1,000',
  })
  async engines(@Param('ref') reference: string): Promise<{ items: object[] }> {
    const { id } = await this.sources.get(reference);
    return { items: await this.engineStore.ofSource(id) };
  }

  @Delete(':ref/engines/:engineId')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Forget an engine that lost its boots and is refused as replayed: what it says next is believed',
  })
  async forgetEngine(@Param('ref') reference: string, @Param('engineId') engineId: string): Promise<void> {
    const { id, name } = await this.sources.get(reference);
    if (!(await this.engineStore.forget(id, storable(engineId), this.clock.now())))
      throw new NotFound('SNMP engine', engineId);
    this.logger.log(`SNMP engine ${engineId} of source ${name} is forgotten: what it says next is believed`);
  }
}
