import { answer, client } from './client';
import type { Shape } from './shapes';

/** What an import does, or would do. */
export type Plan = Shape<'Plan'>;

/** Sends a document as it is typed: JSON is YAML, too, but its errors are told better. */
export function importDocument(text: string, dryRun: boolean): Promise<Plan> {
  const type = /^\s*[[{]/.test(text) ? 'application/json' : 'application/yaml';
  return answer<Plan>(
    client.POST('/api/v1/import', {
      params: { query: { dryRun: dryRun ? 'true' : 'false' } },
      body: text as never,
      bodySerializer: (body: unknown) => body as string,
      headers: { 'Content-Type': type },
    }),
  );
}
