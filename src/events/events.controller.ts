import { Controller, Get, Headers, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { countApart } from '../api/connections';
import { descriptorsAtMost } from '../api/descriptors';
import { SECURITY_HEADERS } from '../api/security-headers';
import { Needs } from '../auth/access';
import { callerIn, identify } from '../auth/auth';
import { Identities } from '../auth/identities';
import { visibleTo } from '../common/caller';
import { Limiter } from '../common/limiter';
import { RouteConfig } from '../common/route-config';
import { telemetry } from '../common/telemetry';
import { Changes } from './changes';
import { EventFeed } from './event-feed';
import { EventStream } from './event-stream';
import { framesFor, lifeFrame, resyncFrame } from './frames';
import { positionIn, positionsAfter, textOf, type Position } from './position';
import { AnswersText } from '../common/shapes';

/** Largest share of the process's file descriptors that streams use, beside those of other connections. */
const PART = 1 / 4;
const AT_MOST = 5_000;
/** Clients that go on from where they were and are told what they missed at one time; the others wait. */
const RESUMING_AT_ONCE = 2;

const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  // nginx passes on what it is sent.
  'X-Accel-Buffering': 'no',
  // Its connection is not counted among those for other requests, so it takes no more of them.
  Connection: 'close',
};
/** Asks browsers to connect again after 2 s. */
const RETRY = 'retry: 2000\n';

/** HTTP API of what changes, as it changes. */
@ApiTags('events')
@ApiBearerAuth()
@Controller('api/v1/events')
export class EventsController {
  private readonly atMost = Math.min(AT_MOST, Math.floor(descriptorsAtMost() * PART));
  private readonly resuming = new Limiter(RESUMING_AT_ONCE);

  constructor(
    private readonly feed: EventFeed,
    private readonly changes: Changes,
    private readonly identities: Identities,
  ) {}

  @Get()
  @Needs('viewer')
  @RouteConfig({ isStream: true })
  @ApiOperation({
    summary:
      'What changes, as Server-Sent Events: `state`, `execution`, `alert`, `definition`, `silence`, `killSwitch`; `resync` says that more has changed than is told one by one, and to read everything again',
  })
  @ApiHeader({ name: 'Last-Event-ID', required: false, description: 'The id of the event to go on from' })
  @AnswersText('text/event-stream')
  async listen(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Headers('last-event-id') lastId: string | undefined,
  ): Promise<void> {
    this.feed.makeRoom(callerIn(request)!, this.atMost);
    const { position, text } =
      lastId === undefined || lastId === '' ? await this.begin() : await this.resume(request, lastId);
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, { ...SECURITY_HEADERS, ...HEADERS });
    if (request.method === 'HEAD') return void raw.end();
    countApart(request.raw.socket);
    const stream = new EventStream(request, raw, callerIn(request)!, position);
    raw.once('close', () => this.feed.remove(stream));
    if (raw.destroyed) return;
    raw.write(RETRY + text);
    this.feed.add(stream);
  }

  private async begin(): Promise<{ position: Position; text: string }> {
    const position = await this.changes.now();
    return { position, text: lifeFrame(position) };
  }

  /** Returns what was missed since an event; where that can't be known, that everything has to be read again. */
  private async resume(
    request: FastifyRequest,
    lastId: string,
  ): Promise<{ position: Position; text: string }> {
    const from = positionIn(lastId);
    if (from === undefined) return this.afresh(await this.changes.now());
    const { position, changes } = await this.resuming.take(() => this.changes.since(from));
    if (changes === undefined) return this.afresh(position);
    // What they may now, and not when they asked.
    await identify(this.identities, request, true);
    const ids = positionsAfter(changes, from, position).map(textOf);
    const missed = framesFor(changes, ids, visibleTo(callerIn(request)!));
    return { position, text: missed + lifeFrame(position) };
  }

  private afresh(position: Position): { position: Position; text: string } {
    telemetry.eventResyncs.inc({ reason: 'unknown id' });
    return { position, text: resyncFrame(position) };
  }
}
