/** An answer that can't be understood. */
export class BrokenAnswer extends Error {}
