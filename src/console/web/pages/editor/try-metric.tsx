import { Button, Group } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { answer, client } from '../../api/client';
import { wordsOf } from '../../api/problem';
import type { TriedMetric } from '../../api/shapes';
import type { JsonObject } from '../../forms/values';

const TIMEOUT_AT_MOST_SECONDS = 25;

/** Reads a metric once, as it stands in the form, and shows the number or why there is none. */
export function TryMetric({ choice }: { choice: JsonObject }) {
  const { type, params, timeoutSeconds = 5 } = choice;
  const trying = useMutation({
    mutationFn: () =>
      answer<TriedMetric>(
        client.POST('/api/v1/tools/metrics/try', {
          body: {
            type: String(type),
            params: (params ?? {}) as Record<string, never>,
            timeoutSeconds: Math.min(Number(timeoutSeconds) || 5, TIMEOUT_AT_MOST_SECONDS),
          },
        }),
      ),
  });
  return (
    <Group gap="sm">
      <Button variant="default" onClick={() => trying.mutate()} aria-busy={trying.isPending}>
        Try
      </Button>
      <output aria-live="polite">{trying.isPending ? 'Reading…' : outcome(trying.data, trying.error)}</output>
    </Group>
  );
}

function outcome(tried: TriedMetric | undefined, error: unknown) {
  if (error !== null) return <span className="problem">{wordsOf(error)}</span>;
  if (tried === undefined) return null;
  if ('error' in tried) return <span className="problem">{tried.error}</span>;
  return (
    <span>
      It is <b className="number">{tried.value}</b>, read in {tried.elapsedSeconds} s.
    </span>
  );
}
