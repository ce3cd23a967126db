import { Button, Group } from '@mantine/core';
import type { ServiceCounts } from '../../api/services';
import type { Phase as PhaseName } from '../../api/shapes';
import { Phase } from '../../parts/phase';

const PHASES: PhaseName[] = ['alarm', 'unknown', 'pending', 'ok'];

interface PhaseFilterProps {
  counts: ServiceCounts | undefined;
  /** Comma list, as in the URL. */
  chosen: string | undefined;
  onChoose: (phases: string | undefined) => void;
}

/** How many services are in each phase; each is a filter that can be on or off. */
export function PhaseFilter({ counts, chosen, onChoose }: PhaseFilterProps) {
  const on = new Set((chosen ?? '').split(',').filter((one) => one !== ''));
  const toggle = (phase: PhaseName) => {
    const others = PHASES.filter((one) => (one === phase ? !on.has(one) : on.has(one)));
    onChoose(others.length === 0 ? undefined : others.join(','));
  };
  return (
    <Group gap="xs" role="group" aria-label="Phase">
      {PHASES.map((phase) => (
        <Button
          key={phase}
          variant={on.has(phase) ? 'outline' : 'default'}
          size="compact-md"
          aria-pressed={on.has(phase)}
          onClick={() => toggle(phase)}
        >
          <Phase phase={phase} />
          <span className="number count">{counts?.phases[phase] ?? '–'}</span>
        </Button>
      ))}
    </Group>
  );
}
