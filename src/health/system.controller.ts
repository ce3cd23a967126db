import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { NeedsWhole } from '../auth/access';
import { messageOf } from '../common/errors';
import { Answers, flag, list, moment, object, oneOf, shape, text, uuid, whole } from '../common/shapes';
import { Queues } from '../queue/queues';
import { CHECKS, Health } from './health';
import { Processes } from './processes';

const PROCESS = object({
  id: uuid,
  roles: list(text),
  host: text,
  pid: whole,
  startedAt: moment,
  seenAt: moment,
  lives: flag,
});
const QUEUE = object({ queue: text, waiting: whole, active: whole, delayed: whole });
const SYSTEM = shape(
  'System',
  object(
    { status: oneOf(['up', 'degraded', 'down']), checks: CHECKS, processes: list(PROCESS) },
    { queues: list(QUEUE), queuesError: text },
  ),
);

/** HTTP API of how the program itself does. */
@ApiTags('health')
@ApiBearerAuth()
@Controller('api/v1/system')
export class SystemController {
  constructor(
    private readonly health: Health,
    private readonly processes: Processes,
    private readonly queues: Queues,
  ) {}

  @Get()
  @NeedsWhole('viewer')
  @Answers(SYSTEM)
  @ApiOperation({
    summary: 'Readiness of the process that answers, all processes with their roles, and the queues',
  })
  async show() {
    const [{ status, checks }, processes, queues] = await Promise.all([
      this.health.look(),
      this.processes.list(),
      this.queues.counts().then(
        (counts) => ({ queues: counts }),
        // Redis may be away; all else is known.
        (error: unknown) => ({ queuesError: messageOf(error) }),
      ),
    ]);
    return { status, checks, processes, ...queues };
  }
}
