/** Zone in which times are shown. */
export type Zone = 'local' | 'utc';
