import { Controller, Get, Header, Inject, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../auth/access';
import { letIn } from '../auth/closed';
import { Identities } from '../auth/identities';
import { registry, telemetry } from '../common/telemetry';
import { CONFIG, type Config } from '../config/config';
import { groupMetrics } from '../process-group/process-group';
import { Queues } from '../queue/queues';
import { CHECKS, Health } from './health';
import { always, Answers, AnswersText, list, object, oneOf, shape, text } from '../common/shapes';

const HEALTH = shape(
  'Health',
  object({ status: oneOf(['up', 'degraded', 'down']), roles: list(text), checks: CHECKS }),
);

/** Routes for machines: liveness, readiness and metrics. */
@ApiTags('health')
@Controller()
export class HealthController {
  constructor(
    private readonly health: Health,
    private readonly queues: Queues,
    private readonly identities: Identities,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Get('health/live')
  @Public()
  @ApiOperation({ summary: 'The process answers' })
  @Answers(object({ status: always('up'), roles: list(text) }))
  live() {
    return { status: 'up', roles: this.config.roles };
  }

  @Get('health/ready')
  @Public()
  @ApiOperation({
    summary:
      'Each role by what it needs to do its work, tried in small: `up`; `degraded` when it takes work and something is amiss; `down`, with 503, when it can not. Checks: database, redis, clock; of a scheduler, scheduler and polls; of a trap listener, spool and sources; with embedded servers, disk',
  })
  @Answers(HEALTH)
  @Answers(HEALTH, { status: 503 })
  async ready(@Res({ passthrough: true }) reply: FastifyReply) {
    const { status, checks } = await this.health.look();
    void reply.status(status === 'down' ? 503 : 200);
    return { status, roles: this.config.roles, checks };
  }

  @Get('metrics')
  @Public()
  @Header('Content-Type', registry.contentType)
  @ApiOperation({ summary: 'Prometheus metrics; with MONSCALE_METRICS_TOKEN for who has it' })
  @AnswersText('text/plain')
  async metrics(@Req() request: FastifyRequest): Promise<string> {
    const { metricsToken } = this.config;
    if (metricsToken !== undefined)
      await letIn(request, this.identities, { right: 'viewer', isWhole: true }, metricsToken);
    const counts = await this.queues.counts().catch(() => []);
    telemetry.queueLength.reset();
    for (const { queue, ...states } of counts) {
      for (const [state, jobs] of Object.entries(states)) telemetry.queueLength.set({ queue, state }, jobs);
    }
    return (await groupMetrics()) ?? registry.metrics();
  }
}
