import type { ServerResponse } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { visibleTo, type Caller, type Scope } from '../common/caller';
import type { Position } from './position';

/** Bytes that may wait for a client before it is told to read everything again instead. */
export const WAITING_BYTES_AT_MOST = 65_536;
/** Time after which a client that takes nothing is disconnected, milliseconds. */
const STALLED_MS = 30_000;

/**
 * Stream of one client.
 *
 * New: it was sent everything up to a position of its own. In step: up to the position that all streams share. Behind:
 * more waited for it than may, and what comes is dropped until it has taken what waits; then it is told to read
 * everything again.
 */
export class EventStream {
  /** Whether its caller sees other things than when it was last told to read everything. */
  seesOther = false;
  private behindSince?: number;

  /** @param joined its own position; undefined once it is in step */
  constructor(
    readonly request: FastifyRequest,
    private readonly response: ServerResponse,
    public caller: Caller,
    public joined: Position | undefined,
  ) {}

  /** Whose it is, for limits by caller. */
  get owner(): string {
    return ownerOf(this.caller);
  }

  get scopes(): readonly Scope[] | null {
    return visibleTo(this.caller);
  }

  get isBehind(): boolean {
    return this.behindSince !== undefined;
  }

  /** True when it has taken nothing for so long that nobody may be there. */
  get isStalled(): boolean {
    return this.behindSince !== undefined && performance.now() - this.behindSince > STALLED_MS;
  }

  /** Sends it something, or notes that it is behind. */
  send(bytes: Buffer): void {
    const { writableLength } = this.response;
    if (writableLength > 0 && writableLength + bytes.length > WAITING_BYTES_AT_MOST)
      this.behindSince ??= performance.now();
    if (!this.isBehind) this.response.write(bytes);
  }

  /**
   * Tells it to read everything again, once it has taken what waits.
   *
   * @returns whether it was told
   */
  resync(bytes: Buffer): boolean {
    if (this.response.writableLength > 0) {
      this.behindSince ??= performance.now();
      return false;
    }
    this.behindSince = undefined;
    this.seesOther = false;
    this.response.write(bytes);
    return true;
  }

  /** Ends it: the client connects again, if it may. */
  end(): void {
    if (this.isBehind) this.response.destroy();
    else this.response.end();
  }
}

export const ownerOf = ({ credentialId, userId, via, address }: Caller): string =>
  credentialId ?? userId ?? `${via} ${address}`;
