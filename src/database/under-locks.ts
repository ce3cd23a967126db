/**
 * Writes that are sent together with the BEGIN and the locks of their transaction, before it is known whether these are
 * had. They write only where the statement of the locks has said, for the rest of its transaction alone, that it has all
 * of them. So nothing is written in vain while another has one; and should the BEGIN fail, as when it is cancelled, so that
 * each statement behind it is a transaction of its own, none commits by itself.
 */

/** SQL that a statement which takes locks evaluates once it has them. */
export const SAY_LOCKED = `set_config('monscale.locks', 'held', true)`;

/** SQL condition of a write: its transaction has the locks that it asked for. */
export const UNDER_LOCKS = `current_setting('monscale.locks', true) = 'held'`;
