import { Controller, Get, Header, Inject, Optional, Res } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Public } from '../auth/auth';
import { messageOf } from '../common/errors';
import { registry, telemetry } from '../common/telemetry';
import { CONFIG, type Config } from '../config/config';
import { ClockSync } from '../database/clock-sync';
import { Database } from '../database/database';
import { PollScheduler } from '../metrics/poll-scheduler';
import { groupMetrics } from '../process-group/process-group';
import { Queues } from '../queue/queues';
import { UnpolledSweep } from '../rules/unpolled-sweep';

type Check = { status: 'up' } | { status: 'down'; error: string };

/** For machines: is it alive, can it work, what has it done. */
@Public()
@ApiTags('health')
@Controller()
export class HealthController {
  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    @Inject(CONFIG) private readonly config: Config,
    private readonly clock: ClockSync,
    @Optional() private readonly scheduler?: PollScheduler,
    @Optional() private readonly unpolled?: UnpolledSweep,
  ) {}

  @Get('health/live')
  @ApiOperation({ summary: 'The process answers' })
  live() {
    return { status: 'up', roles: this.config.roles };
  }

  @Get('health/ready')
  @ApiOperation({
    summary:
      "It can do its work: PostgreSQL, its time and this machine's, Redis, and for a scheduler that polls are put on the queue and done; 503 when not",
  })
  async ready(@Res({ passthrough: true }) reply: FastifyReply) {
    const [database, redis] = await Promise.all([
      this.check(() => this.database.ping()),
      this.check(() => this.queues.ping()),
    ]);
    const checks: Record<string, Check> = { database, redis, clock: checkOf(this.clock.problem()) };
    if (this.scheduler !== undefined) {
      checks.scheduler = checkOf(this.scheduler.problem());
      checks.polls = polling(this.unpolled?.late ?? 0);
    }
    const isReady = Object.values(checks).every(({ status }) => status === 'up');
    void reply.status(isReady ? 200 : 503);
    return { status: isReady ? 'up' : 'down', roles: this.config.roles, checks };
  }

  private async check(ask: () => Promise<void>): Promise<Check> {
    try {
      await ask();
      return { status: 'up' };
    } catch (error) {
      return { status: 'down', error: messageOf(error) };
    }
  }

  @Get('metrics')
  @Header('Content-Type', registry.contentType)
  @ApiOperation({ summary: 'Prometheus metrics' })
  async metrics(): Promise<string> {
    const counts = await this.queues.counts().catch(() => []);
    telemetry.queueLength.reset();
    for (const { queue, ...states } of counts) {
      for (const [state, jobs] of Object.entries(states)) telemetry.queueLength.set({ queue, state }, jobs);
    }
    return (await groupMetrics()) ?? registry.metrics();
  }
}

const checkOf = (problem: string | undefined): Check =>
  problem === undefined ? { status: 'up' } : { status: 'down', error: problem };

/** What a scheduler asks for is of no use while nobody does it. */
function polling(late: number): Check {
  if (late === 0) return { status: 'up' };
  const error = `${late} services were not polled for three of their intervals; is a worker running that serves the queue polls?`;
  return { status: 'down', error };
}
