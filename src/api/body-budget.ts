import { Unavailable } from '../common/errors';
import { bodyBytesAre, telemetry } from '../common/telemetry';

/** Bytes of bodies that this process holds at once. */
const BYTES_AT_MOST = 64 * 2 ** 20;
/** Nobody alone takes more than this part of them. */
const SHARE = 1 / 2;
/** Nor do all together of whom nobody knows yet who they are, nor more of them at a time. */
const UNIDENTIFIED_SHARE = 1 / 8;
const UNIDENTIFIED_AT_ONCE = 100;
const RETRY_SECONDS = 2;

/** Name of those whose token stands in the body. */
export const UNIDENTIFIED = Symbol('unidentified');

export type Holder = string | typeof UNIDENTIFIED;

/**
 * Memory for bodies over all connections: each byte counts from when it comes in, or comes out of its compression, until
 * its request is answered. Beyond it whoever sends is asked to come again.
 */
export class BodyBudget {
  private held = 0;
  private readonly byHolder = new Map<Holder, { bytes: number; bodies: number }>();

  constructor(private readonly atMost = BYTES_AT_MOST) {}

  get bytes(): number {
    return this.held;
  }

  /** @throws Unavailable when too many bodies of unknown senders come in */
  lease(holder: Holder): Lease {
    const own = this.byHolder.get(holder) ?? { bytes: 0, bodies: 0 };
    if (holder === UNIDENTIFIED && own.bodies >= UNIDENTIFIED_AT_ONCE) throw exhausted();
    own.bodies++;
    this.byHolder.set(holder, own);
    const share = this.atMost * (holder === UNIDENTIFIED ? UNIDENTIFIED_SHARE : SHARE);
    let bytes = 0;
    let isOver = false;
    const grow = (by: number) => {
      if (isOver) return;
      if (this.held + by > this.atMost || own.bytes + by > share) throw exhausted();
      bytes += by;
      own.bytes += by;
      this.held += by;
    };
    const end = () => {
      if (isOver) return;
      isOver = true;
      own.bytes -= bytes;
      this.held -= bytes;
      if (--own.bodies === 0) this.byHolder.delete(holder);
    };
    return { grow, end };
  }
}

/** Of this process. */
export const bodyBudget = new BodyBudget();
bodyBytesAre(() => bodyBudget.bytes);

export interface Lease {
  /** @throws Unavailable when there is no room */
  grow(bytes: number): void;
  end(): void;
}

function exhausted(): Unavailable {
  telemetry.bodiesRefused.inc({ reason: 'no room' });
  return new Unavailable('more comes in at once than can be kept; send it again', RETRY_SECONDS);
}
