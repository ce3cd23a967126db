import { Controller, Delete, Get, HttpCode, Inject, Logger, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Sources } from '../alerts/sources';
import { NeedsWhole } from '../auth/access';
import { CLOCK, type Clock } from '../common/clock';
import { NotFound } from '../common/errors';
import { storable } from '../common/json';
import { EngineStore } from '../snmp/engine-store';
import { Refusals } from './refusals';
import { Answers, AnswersNothing, list, moment, object, shape, text, whole } from '../common/shapes';

const REFUSED = shape(
  'RefusedSender',
  object({ address: text, reason: text, count: whole, firstAt: moment, lastAt: moment }, { engineId: text }),
);
const ENGINE = shape(
  'SnmpEngine',
  object({ engineId: text, boots: whole, time: whole, heardAt: moment }, { address: text }),
);

/** HTTP API of what only sources of SNMP notifications have: refused senders and engines. */
@ApiTags('sources')
@ApiBearerAuth()
@Controller('api/v1/sources')
export class TrapSourcesController {
  private readonly logger = new Logger('Sources');

  constructor(
    private readonly sources: Sources,
    private readonly refusals: Refusals,
    private readonly engineStore: EngineStore,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Get(':ref/refused')
  @NeedsWhole('admin')
  @ApiOperation({
    summary: 'The last 100 senders whose SNMP notifications were refused, how often, and why',
  })
  @Answers(object({ items: list(REFUSED) }))
  async refused(@Param('ref') reference: string): Promise<{ items: object[] }> {
    const { id } = await this.sources.get(reference);
    return { items: await this.refusals.ofSource(id) };
  }

  @Get(':ref/engines')
  @NeedsWhole('viewer')
  @ApiOperation({
    summary: 'SNMP engines that sent version 3 traps: boots, time and when they were heard; the last 1,000',
  })
  @Answers(object({ items: list(ENGINE) }))
  async engines(@Param('ref') reference: string): Promise<{ items: object[] }> {
    const { id } = await this.sources.get(reference);
    return { items: await this.engineStore.ofSource(id) };
  }

  @Delete(':ref/engines/:engineId')
  @NeedsWhole('admin')
  @HttpCode(204)
  @ApiOperation({
    summary: 'Forget an engine that lost its boots and is refused as replayed: what it says next is believed',
  })
  @AnswersNothing()
  async forgetEngine(@Param('ref') reference: string, @Param('engineId') engineId: string): Promise<void> {
    const { id, name } = await this.sources.get(reference);
    if (!(await this.engineStore.forget({ id, name }, storable(engineId), this.clock.now())))
      throw new NotFound('SNMP engine', engineId);
    this.logger.log(`SNMP engine ${engineId} of source ${name} is forgotten: what it says next is believed`);
  }
}
