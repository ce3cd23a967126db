import { Unavailable } from '../common/errors';
import { bodyBytesAre, telemetry } from '../common/telemetry';

/** Largest sum of the bodies that this process holds, bytes. */
const BYTES_AT_MOST = 64 * 2 ** 20;
/** Largest share of it for one sender. */
const SHARE = 1 / 2;
/** Largest share of it for all unidentified senders together; their number is limited as well. */
const UNIDENTIFIED_SHARE = 1 / 8;
const UNIDENTIFIED_AT_ONCE = 100;
const RETRY_SECONDS = 2;

/** Holder of bodies whose token stands in the body. */
export const UNIDENTIFIED = Symbol('unidentified');

export type Holder = string | typeof UNIDENTIFIED;

/**
 * Memory budget for bodies over all connections. Each byte counts from when it is received or inflated until its
 * request is answered. Beyond the budget, senders are asked to come again.
 */
export class BodyBudget {
  private held = 0;
  private readonly byHolder = new Map<Holder, { bytes: number; bodies: number }>();

  constructor(private readonly atMost = BYTES_AT_MOST) {}

  get bytes(): number {
    return this.held;
  }

  /**
   * Returns a lease for one body.
   *
   * @throws Unavailable when too many bodies of unidentified senders are being read
   */
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

/** Budget of this process. */
export const bodyBudget = new BodyBudget();
bodyBytesAre(() => bodyBudget.bytes);

export interface Lease {
  /**
   * Counts more bytes of the body.
   *
   * @throws Unavailable when there is no room
   */
  grow(bytes: number): void;
  end(): void;
}

function exhausted(): Unavailable {
  telemetry.bodiesRefused.inc({ reason: 'no room' });
  return new Unavailable('more comes in at once than can be kept; send it again', RETRY_SECONDS);
}
