import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { callerIn, identify } from '../auth/auth';
import { Identities } from '../auth/identities';
import type { Caller } from '../common/caller';
import { Forbidden, TooManyRequests, Unauthorized, Unavailable } from '../common/errors';
import { Recurring } from '../common/periodic';
import { telemetry } from '../common/telemetry';
import type { Change } from './change';
import { Changes } from './changes';
import { ownerOf, type EventStream } from './event-stream';
import { framesFor, lifeFrame, resyncFrame } from './frames';
import { inOrder, isTold, older, positionsAfter, textOf, type Position } from './position';

/** Interval at which a process reads what has changed, while it has streams, milliseconds. */
const LOOK_MS = 500;
/**
 * Interval of signs of life, milliseconds; also of looking whether sessions and tokens have ended by themselves, which
 * writes nothing.
 */
const LIFE_MS = 10_000;
/** Time without looking after more changes than are told one by one: readers read everything again meanwhile. */
const REST_MS = 5_000;
const RETRY_AFTER_SECONDS = 10;

/**
 * Tells clients what changes. The streams of a process share one reading of it, twice a second and only while there are
 * any. Who may see what is asked again before anything is told that was committed since rights have changed.
 */
@Injectable()
export class EventFeed extends Recurring implements OnModuleDestroy {
  private readonly streams = new Set<EventStream>();
  /** Position up to which streams in step were told; undefined without any. */
  private position?: Position;
  private life?: NodeJS.Timeout;
  private checkedAt = 0;
  private restsUntil = 0;
  private isDraining = false;

  constructor(
    private readonly changes: Changes,
    private readonly identities: Identities,
  ) {
    super(LOOK_MS);
  }

  override onApplicationBootstrap(): void {
    super.onApplicationBootstrap();
    this.life = setInterval(() => this.showLife(), LIFE_MS);
  }

  /** Ends all streams: their clients connect to another process, or again later. */
  onModuleDestroy(): void {
    this.isDraining = true;
    clearInterval(this.life);
    for (const stream of this.streams) stream.end();
  }

  /**
   * Makes room for a stream of a caller: where there is none, the oldest of whoever has most is ended.
   *
   * @throws Unavailable when nobody has more than the caller, or the process drains
   */
  makeRoom(caller: Caller, atMost: number): void {
    if (this.isDraining) throw new Unavailable('This process is stopping', 1);
    if (this.streams.size < atMost) return;
    const byOwner = new Map<string, EventStream[]>();
    for (const stream of this.streams) {
      const { owner } = stream;
      const own = byOwner.get(owner);
      if (own === undefined) byOwner.set(owner, [stream]);
      else own.push(stream);
    }
    const [most = []] = [...byOwner.values()].sort((one, other) => other.length - one.length);
    const own = byOwner.get(ownerOf(caller))?.length ?? 0;
    if (most.length <= own + 1) {
      telemetry.eventStreamsEnded.inc({ reason: 'no room' });
      throw new Unavailable(
        `this process has ${atMost} event streams, as many as it may`,
        RETRY_AFTER_SECONDS,
      );
    }
    this.drop(most[0]!, 'room for others');
  }

  add(stream: EventStream): void {
    this.streams.add(stream);
    telemetry.eventStreams.set(this.streams.size);
    if (this.isDraining) stream.end();
  }

  remove(stream: EventStream): void {
    this.streams.delete(stream);
    telemetry.eventStreams.set(this.streams.size);
  }

  private drop(stream: EventStream, reason: string): void {
    this.remove(stream);
    telemetry.eventStreamsEnded.inc({ reason });
    stream.end();
  }

  override async round(): Promise<void> {
    if (this.streams.size === 0) this.position = undefined;
    else if (performance.now() >= this.restsUntil) await this.look();
  }

  /** Reads what has changed, and tells it. Where that fails, the next round reads the same again. */
  private async look(): Promise<void> {
    const streams = [...this.streams];
    const positions = streams.flatMap(({ joined }) => joined ?? []);
    const from = [...(this.position ? [this.position] : []), ...positions].reduce(older);
    const { position, changes, rightsChanged } = await this.changes.since(from);
    const isDue = performance.now() - this.checkedAt > LIFE_MS;
    const askable = rightsChanged || isDue ? streams : streams.filter(({ joined }) => joined !== undefined);
    await this.checkRights(askable);
    if (isDue) this.checkedAt = performance.now();
    if (changes === undefined) this.restsUntil = performance.now() + REST_MS;
    this.tell(
      streams.filter((stream) => this.streams.has(stream)),
      { position, changes },
    );
    this.position = position;
    for (const stream of streams) stream.joined = undefined;
  }

  /**
   * Asks again who the streams' callers are and what they may; ends streams of those who may not listen any more, and
   * notes which see other things than before.
   *
   * @throws when it can't be asked
   */
  private async checkRights(streams: readonly EventStream[]): Promise<void> {
    const check = async (stream: EventStream) => {
      const before = JSON.stringify(stream.scopes);
      try {
        await identify(this.identities, stream.request, true);
      } catch (error) {
        if (!isRefusal(error)) throw error;
        return this.drop(stream, 'rights');
      }
      stream.caller = callerIn(stream.request)!;
      // Where another can't be asked, nothing is told now, and what is noted counts the next time.
      if (JSON.stringify(stream.scopes) !== before) stream.seesOther = true;
    };
    await Promise.all(streams.map(check));
  }

  private tell(
    streams: readonly EventStream[],
    { position, changes }: { position: Position; changes?: Change[] },
  ): void {
    const resync = Buffer.from(resyncFrame(position));
    const groups = new Map<string, Buffer>();
    for (const stream of streams) {
      const from = stream.joined ?? this.position!;
      const why = stream.isBehind ? 'slow' : changes === undefined ? 'many' : stream.seesOther ? 'rights' : undefined; // prettier-ignore
      if (changes === undefined || why !== undefined) {
        if (stream.resync(resync)) telemetry.eventResyncs.inc({ reason: why! });
        else if (stream.isStalled) this.drop(stream, 'stalled');
        continue;
      }
      // Who sees the same is sent the same bytes.
      const key = `${JSON.stringify(stream.scopes)} ${stream.joined === undefined ? '' : textOf(from)}`;
      let bytes = groups.get(key);
      if (bytes === undefined) {
        bytes = Buffer.from(framesBetween(changes, from, position, stream));
        groups.set(key, bytes);
      }
      if (bytes.length > 0) stream.send(bytes);
    }
  }

  private showLife(): void {
    const comment = Buffer.from(': alive\n\n');
    const { position } = this;
    const bytes = position === undefined ? comment : Buffer.from(lifeFrame(position));
    for (const stream of this.streams) stream.send(stream.joined === undefined ? bytes : comment);
  }
}

/** Returns the events between two positions that a stream's reader may see. */
function framesBetween(
  changes: readonly Change[],
  from: Position,
  to: Position,
  { scopes }: Pick<EventStream, 'scopes'>,
): string {
  const news = inOrder(
    changes.filter((change) => !isTold(from, change)),
    from,
  );
  return framesFor(news, positionsAfter(news, from, to).map(textOf), scopes);
}

const isRefusal = (error: unknown): boolean =>
  error instanceof Unauthorized || error instanceof Forbidden || error instanceof TooManyRequests;
