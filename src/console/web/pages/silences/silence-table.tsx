import { Button, Group } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { deleteDefinition } from '../../api/lists';
import type { Silence } from '../../api/shapes';
import { MUTES } from '../../api/silences';
import { AppLink } from '../../app/link';
import { silencePath } from '../../app/paths';
import { useMay } from '../../app/rights';
import { Ask } from '../../parts/ask';
import { useSteady } from '../../parts/steady';
import { Time, useNow } from '../../parts/time';
import { matchWords } from './words';

export function SilenceTable({ silences }: { silences: readonly Silence[] }) {
  const [ending, end] = useState<Silence>();
  const { steady, held } = useSteady(silences, ({ id }) => id);
  return (
    <>
      <table className="rows" {...held}>
        <thead>
          <tr>
            <th scope="col">Reason</th>
            <th scope="col">Covers</th>
            <th scope="col">Mutes</th>
            <th scope="col">From</th>
            <th scope="col">Until</th>
            <th scope="col">Owner</th>
            <th scope="col">
              <span className="visually-hidden">Deeds</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {steady.map((silence) => (
            <Row key={silence.id} silence={silence} onEnd={() => end(silence)} />
          ))}
        </tbody>
      </table>
      {ending === undefined ? null : <EndSilence silence={ending} onClose={() => end(undefined)} />}
    </>
  );
}

function Row({ silence, onEnd }: { silence: Silence; onEnd: () => void }) {
  const {
    id,
    reason,
    match,
    matches,
    mutes,
    startsAt,
    endsAt,
    schedule,
    nextWindows,
    owner,
    endedAt,
    endedBy,
  } = silence;
  const mayEnd = useMay('operator');
  const isOver = Date.parse(endedAt ?? endsAt) <= useNow(10_000);
  const next = nextWindows?.[0];
  return (
    <tr>
      <td dir="auto">
        {isOver ? (
          reason
        ) : (
          <AppLink to={silencePath(id)} data-row="">
            {reason}
          </AppLink>
        )}
      </td>
      <td dir="auto">
        {matchWords(match)}{' '}
        <small>
          ({matches} {matches === 1 ? 'service' : 'services'} now)
        </small>
      </td>
      <td>{MUTES[mutes]}</td>
      <td>
        <Time at={startsAt} relative={false} />
        {schedule === undefined ? null : <div className="code">{schedule.rrule}</div>}
        {next === undefined ? null : (
          <div>
            next <Time at={next.from} />
          </div>
        )}
      </td>
      <td>
        <Time at={endedAt ?? endsAt} />
        {endedBy === undefined ? null : <div>ended by {endedBy}</div>}
      </td>
      <td dir="auto">{owner}</td>
      <td>
        {mayEnd && !isOver ? (
          <Group gap={4}>
            <Button variant="default" size="compact-md" onClick={onEnd} aria-label={`End ${reason}`}>
              End
            </Button>
          </Group>
        ) : null}
      </td>
    </tr>
  );
}

function EndSilence({
  silence: { id, reason, matches },
  onClose,
}: {
  silence: Silence;
  onClose: () => void;
}) {
  const queries = useQueryClient();
  return (
    <Ask
      isOpen
      onClose={onClose}
      title="End the silence"
      verb="End it"
      act={async () => {
        await deleteDefinition('silences', id);
        await queries.invalidateQueries({ queryKey: ['silences'] });
        await queries.invalidateQueries({ queryKey: ['services'] });
      }}
    >
      “{reason}” ends now for its {matches} {matches === 1 ? 'service' : 'services'}. It stays in the list of
      those that ended.
    </Ask>
  );
}
