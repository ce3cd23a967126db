import { Unavailable } from '../common/errors';
import { bodyBytesAre, telemetry } from '../common/telemetry';

/** Largest sum of the bodies that this process holds, bytes. */
const BYTES_AT_MOST = 64 * 2 ** 20;
/** Largest share of it for one sender. */
const SHARE = 1 / 2;
const RETRY_SECONDS = 2;

/** Holder of bodies whose token stands in the body. */
export const UNIDENTIFIED = Symbol('unidentified');

/** Holder of bodies of public routes: of people who sign in. They must not take the room of senders of alerts. */
export const ANYBODY = Symbol('anybody');

export type Holder = string | typeof UNIDENTIFIED | typeof ANYBODY;

/** Largest share for all senders of a kind together that nobody has identified, and their largest number. */
const TOGETHER = new Map<Holder, { share: number; atOnce: number }>([
  [UNIDENTIFIED, { share: 1 / 8, atOnce: 100 }],
  [ANYBODY, { share: 1 / 32, atOnce: 500 }],
]);

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
   * @throws Unavailable when too many bodies of senders whom nobody has identified are being read
   */
  lease(holder: Holder): Lease {
    const own = this.byHolder.get(holder) ?? { bytes: 0, bodies: 0 };
    const together = TOGETHER.get(holder);
    if (own.bodies >= (together?.atOnce ?? Infinity)) throw exhausted();
    own.bodies++;
    this.byHolder.set(holder, own);
    const share = this.atMost * (together?.share ?? SHARE);
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
