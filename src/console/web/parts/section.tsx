import { Group, Title } from '@mantine/core';
import { useId, type ReactNode } from 'react';

interface SectionProps {
  title: string;
  /** What can be chosen for it, beside its title. */
  beside?: ReactNode;
  children: ReactNode;
}

/** Part of a page, with a heading that names it. */
export function Section({ title, beside, children }: SectionProps) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <Group justify="space-between" mb="xs">
        <Title order={2} id={id}>
          {title}
        </Title>
        {beside}
      </Group>
      {children}
    </section>
  );
}
