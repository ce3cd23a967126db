/** Where an error was thrown, and what caused it. Its other properties may hold secrets: a client keeps its commands in them. */
export function stackOf(error: unknown): string {
  if (!(error instanceof Error))
    return typeof error === 'object' ? 'an object that is no error' : String(error);
  const { stack = error.message, cause } = error;
  return cause === undefined ? stack : `${stack}\ncaused by: ${stackOf(cause)}`;
}
