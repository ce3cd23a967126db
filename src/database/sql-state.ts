/** SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html */
export const FOREIGN_KEY_VIOLATION = '23503';
export const UNIQUE_VIOLATION = '23505';
/** Violated check; for an inserted row also that it has no partition. */
export const NO_PARTITION = '23514';
/** Two transactions wait for each other; this one is rolled back, and may be tried again. */
export const DEADLOCK_DETECTED = '40P01';
export const LOCK_NOT_AVAILABLE = '55P03';
/** Write on a read-only server: a standby, a demoted primary, or one configured so. */
export const READ_ONLY = '25006';
export const QUERY_CANCELED = '57014';
export const INSUFFICIENT_PRIVILEGE = '42501';
/** File of the server that is not where it looks for it. */
export const UNDEFINED_FILE = '58P01';

/** Returns the SQLSTATE of an error; undefined when it has none. */
export const codeOf = (error: unknown): string | undefined => (error as { code?: string } | undefined)?.code;
