/**
 * Writes that are sent together with the BEGIN and the locks of their transaction. Should that BEGIN fail, as when it is
 * cancelled, each statement behind it would be a transaction of its own and commit by itself: so these write only where the
 * statement that takes the locks has said, for the rest of its transaction alone, that it ran.
 */

/** SQL that a statement which takes locks selects along with its rows. */
export const SAY_LOCKED = `set_config('monscale.locks', 'asked for', true)`;

/** SQL condition of a write: locks were asked for in its transaction. */
export const UNDER_LOCKS = `current_setting('monscale.locks', true) = 'asked for'`;
