/**
 * Returns the stack of an error and of its causes. Leaves out all other properties, which may hold secrets: a client
 * keeps its commands in them.
 */
export function stackOf(error: unknown, causesAtMost = 5): string {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : 'what was thrown is no error';
  const { stack = error.message, cause } = error;
  if (cause === undefined || causesAtMost === 0) return stack;
  return `${stack}\ncaused by: ${stackOf(cause, causesAtMost - 1)}`;
}
