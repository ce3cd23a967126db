import { Controller, Get, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { NeedsWhole, OrMetricsToken } from '../auth/access';
import { checked } from '../common/check';
import { Text } from '../common/fields';
import { Answers, decimal, object, whole } from '../common/shapes';
import { QUEUES, type QueueName } from '../config/config';
import { Scaling } from './scaling';

class ScalingQuery {
  @Text({
    description: `Queues to look at: ${QUEUES.join(', ')}, several with commas between them; by default all. What can't be known of others is no error then`,
    optional: true,
    maxLength: 100,
    check: (text) =>
      namesIn(text).every((name) => QUEUES.includes(name as QueueName))
        ? undefined
        : `must be of ${QUEUES.join(', ')}, with commas between them`,
  })
  queue?: string;
}

const WAITING = object({ waiting: whole, oldestSeconds: decimal });

const namesIn = (text: string): string[] => text.split(',');

/** HTTP API for what scales monscale itself. */
@ApiTags('health')
@ApiBearerAuth()
@Controller('api/v1/scaling')
export class ScalingController {
  constructor(private readonly scaling: Scaling) {}

  @Get()
  @NeedsWhole('viewer')
  @OrMetricsToken()
  @Answers(object({}, { polls: WAITING, alerts: WAITING, actions: WAITING }))
  @ApiOperation({
    summary:
      'How much work waits for a worker on each queue, and for how long the oldest has: `{polls: {waiting, oldestSeconds}, …}`; 503 when it can not be known. MONSCALE_METRICS_TOKEN is good for it, too',
  })
  @ApiQuery({ type: ScalingQuery })
  get(@Query() query: object) {
    const { queue } = checked(ScalingQuery, query);
    const named = queue === undefined ? QUEUES : QUEUES.filter((name) => namesIn(queue).includes(name));
    return this.scaling.waiting(named);
  }
}
