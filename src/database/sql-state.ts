/** What PostgreSQL says went wrong: https://www.postgresql.org/docs/current/errcodes-appendix.html */
export const FOREIGN_KEY_VIOLATION = '23503';
export const UNIQUE_VIOLATION = '23505';
/** A check is violated; of a row, that no partition is for it. */
export const NO_PARTITION = '23514';
export const LOCK_NOT_AVAILABLE = '55P03';
/** A standby, a server that was told to be read only, or a primary that was demoted. */
export const READ_ONLY = '25006';
export const QUERY_CANCELED = '57014';

/** The SQLSTATE of an error; undefined when it has none. */
export const codeOf = (error: unknown): string | undefined => (error as { code?: string } | undefined)?.code;
