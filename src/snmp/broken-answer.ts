/** Answer of a target that can't be understood. */
export class BrokenAnswer extends Error {}
