/** What can be done to many services at once: tried first, and told whatever failed. */
import { Button, Group } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Service } from '../../api/shapes';
import { matchingNamesQuery, type ServicesFilter } from '../../api/services';
import { labelAskedFor } from '../../app/label-filter';
import { useMay } from '../../app/rights';
import { wordsOf } from '../../api/problem';
import { Ask } from '../../parts/ask';
import { SilenceDialog } from '../silences/silence-dialog';
import { BulkDialog, type Deed } from './bulk-dialog';
import type { Selection } from './selection';

interface BulkProps {
  selection: Selection;
  filter: ServicesFilter;
  /** Services that are shown. */
  shown: readonly Service[];
  /** How many match the filters. */
  total: number | undefined;
}

const DEEDS: Deed[] = ['Enable', 'Disable', 'Mode', 'Labels', 'Delete'];
/** Largest number of services that one silence names. */
const SILENCED_AT_MOST = 1_000;

export function Bulk({ selection, filter, shown, total }: BulkProps) {
  const { ids, isAll, chooseAll, clear } = selection;
  const [deed, begin] = useState<Deed | 'Silence'>();
  const mayWrite = useMay('editor');
  const mayOperate = useMay('operator');
  const count = isAll ? (total ?? 0) : ids.size;
  if (count === 0) return null;
  const select = isAll ? { filter: everythingOf(filter) } : { ids: [...ids] };
  return (
    <Group gap="xs" className="panel" role="group" aria-label="Selection">
      <span role="status">
        {count} {count === 1 ? 'service' : 'services'} selected
      </span>
      {isAll || total === undefined || total <= ids.size ? null : (
        <Button variant="subtle" px="xs" onClick={chooseAll}>
          Select all {total} that match
        </Button>
      )}
      {(mayWrite ? DEEDS : []).map((one) => (
        <Button key={one} variant="default" size="compact-md" onClick={() => begin(one)}>
          {one}
        </Button>
      ))}
      {mayOperate ? (
        <Button variant="default" size="compact-md" onClick={() => begin('Silence')}>
          Silence
        </Button>
      ) : null}
      <Button variant="subtle" px="xs" onClick={clear}>
        Clear the selection
      </Button>
      {deed === undefined || deed === 'Silence' ? null : (
        <BulkDialog deed={deed} select={select} onClose={() => begin(undefined)} onDone={clear} />
      )}
      {deed === 'Silence' ? (
        isAll ? (
          <SilenceAll filter={filter} count={count} onClose={() => begin(undefined)} />
        ) : (
          <SilenceDialog
            what={`${count} ${count === 1 ? 'service' : 'services'}`}
            match={{ services: shown.filter(({ id }) => ids.has(id)).map(({ name }) => name) }}
            onClose={() => begin(undefined)}
          />
        )
      ) : null}
    </Group>
  );
}

/** Filters as the API takes them; all services are those of any mode, as an empty filter is refused. */
function everythingOf({ sort: _, ...filter }: ServicesFilter): object {
  return Object.keys(filter).length > 0 ? filter : { mode: 'auto,approve,shadow' };
}

interface SilenceAllProps {
  filter: ServicesFilter;
  count: number;
  onClose: () => void;
}

/** Labels alone are silenced as labels, so that what comes to have them is silenced, too; else services by name. */
function SilenceAll({ filter, count, onClose }: SilenceAllProps) {
  const { sort: _, label, ...others } = filter;
  const labels = Object.keys(others).length === 0 ? labelsOf([label ?? []].flat()) : undefined;
  const isTooMany = labels === undefined && count > SILENCED_AT_MOST;
  const { data: names, error } = useQuery({
    ...matchingNamesQuery(filter),
    enabled: labels === undefined && !isTooMany,
  });
  const what = `${count} ${count === 1 ? 'service' : 'services'}`;
  if (labels !== undefined) return <SilenceDialog what={what} match={{ labels }} onClose={onClose} />;
  if (isTooMany || error !== null)
    return (
      <Ask isOpen onClose={onClose} title={`Silence ${what}`} verb="Close" act={async () => undefined}>
        {isTooMany
          ? `One silence names up to ${SILENCED_AT_MOST} services. Filter by labels alone: then it covers them all, as labels.`
          : wordsOf(error)}
      </Ask>
    );
  return names === undefined ? null : (
    <SilenceDialog what={what} match={{ services: names }} onClose={onClose} />
  );
}

/** Returns labels as an object; undefined where one has two values or any value, or there is none. */
function labelsOf(filters: readonly string[]): Record<string, string> | undefined {
  const pairs = filters.map(labelAskedFor).filter((one) => one !== undefined);
  const labels = Object.fromEntries(pairs);
  return pairs.length > 0 && Object.keys(labels).length === filters.length ? labels : undefined;
}
