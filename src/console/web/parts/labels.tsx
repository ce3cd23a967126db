import { Badge, Group } from '@mantine/core';

/** Labels as `key=value`; of many, the first few. */
export function Labels({
  labels,
  atMost = 8,
}: {
  labels: Record<string, string> | undefined;
  atMost?: number;
}) {
  const all = Object.entries(labels ?? {});
  if (all.length === 0) return null;
  return (
    <Group gap={4}>
      {all.slice(0, atMost).map(([key, value]) => (
        <Badge key={key} variant="default" fw={400}>
          {key}={value}
        </Badge>
      ))}
      {all.length > atMost ? <span>and {all.length - atMost} more</span> : null}
    </Group>
  );
}
