/** Until when: an hour is what most need, and all others are two keys away. */
import { Button, Group } from '@mantine/core';
import { now } from '../../app/clock';

export const HOUR_MS = 3_600_000;

const LENGTHS: [words: string, ms: number][] = [
  ['1 hour', HOUR_MS],
  ['4 hours', 4 * HOUR_MS],
  ['1 day', 24 * HOUR_MS],
  ['7 days', 7 * 24 * HOUR_MS],
];

/** Returns the moment that lies so far ahead, by the server's clock. @param from its beginning, if not now */
export const after = (ms: number, from?: unknown): string => {
  const start = typeof from === 'string' ? Date.parse(from) : NaN;
  return new Date((Number.isNaN(start) ? now() : start) + ms).toISOString();
};

export const Lengths = ({ from, onChoose }: { from?: unknown; onChoose: (endsAt: string) => void }) => (
  <Group gap="xs" role="group" aria-label="Length">
    {LENGTHS.map(([words, ms]) => (
      <Button key={words} variant="default" size="compact-md" onClick={() => onChoose(after(ms, from))}>
        {words}
      </Button>
    ))}
  </Group>
);
