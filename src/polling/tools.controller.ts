import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Needs } from '../auth/access';
import { checked } from '../common/check';
import type { Chosen } from '../common/choice';
import { Tools } from './tools';
import { MetricTryDto, SnmpWalkDto } from './tools.dto';
import { Answers, decimal, either, flag, list, object, shape, text } from '../common/shapes';

const TRIED = shape(
  'TriedMetric',
  either(
    object({ value: decimal, elapsedSeconds: decimal }),
    object({ error: text, elapsedSeconds: decimal }),
  ),
);
const WALK = shape(
  'SnmpWalk',
  object(
    {
      rows: list(object({ oid: text, type: text, value: text }, { number: decimal })),
      isComplete: flag,
      elapsedSeconds: decimal,
    },
    { error: text },
  ),
);

/** HTTP API of tools for a person who sets a rule up. */
@ApiTags('tools')
@ApiBearerAuth()
@Controller('api/v1/tools')
export class ToolsController {
  constructor(private readonly tools: Tools) {}

  @Post('metrics/try')
  @Needs('editor')
  @HttpCode(200)
  @ApiBody({ type: MetricTryDto })
  @ApiOperation({ summary: 'Read a metric once, as a poll would: its value, or why it can not be read' })
  @Answers(TRIED)
  read(@Body() body: unknown) {
    const { timeoutSeconds, type, params } = checked(MetricTryDto, body ?? {});
    return this.tools.read({ type, params } as Chosen, timeoutSeconds);
  }

  @Post('snmp/walk')
  @Needs('editor')
  @HttpCode(200)
  @ApiBody({ type: SnmpWalkDto })
  @ApiOperation({
    summary: 'Objects of an SNMP agent below an OID, and the number that snmp_oid reads of each',
  })
  @Answers(WALK)
  walk(@Body() body: unknown) {
    return this.tools.walk(checked(SnmpWalkDto, body ?? {}));
  }
}
