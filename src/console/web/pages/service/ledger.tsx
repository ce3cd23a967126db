import { Button, NativeSelect } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { decisionsQuery } from '../../api/queries';
import type { Decision } from '../../api/shapes';
import { Failure } from '../../parts/page';
import { Phase, reasonWords } from '../../parts/phase';
import { Section } from '../../parts/section';
import { lasting, Time, useNow } from '../../parts/time';
import { LedgerStrip } from './ledger-strip';

const HOURS = [
  { value: '1', label: '1 hour' },
  { value: '24', label: '1 day' },
  { value: '168', label: '7 days' },
];
const SHOWN_AT_FIRST = 10;

/** What was decided and why: as a strip over time, and as a list. */
export function Ledger({ id }: { id: string }) {
  const [hours, setHours] = useState('24');
  const [isWhole, showAll] = useState(false);
  const from = useRangeStart(Number(hours));
  const { data, error } = useQuery({ ...decisionsQuery(id, from), placeholderData: (before) => before });
  const decisions = data?.items ?? [];
  return (
    <Section
      title="Decisions"
      beside={
        <NativeSelect
          aria-label="Time of the decisions"
          data={HOURS}
          value={hours}
          onChange={(event) => setHours(event.currentTarget.value)}
        />
      }
    >
      <Failure error={error} />
      <LedgerStrip decisions={decisions} from={Date.parse(from)} />
      <table className="rows">
        <thead>
          <tr>
            <th scope="col">From</th>
            <th scope="col">For</th>
            <th scope="col">Phase</th>
            <th scope="col">Reason</th>
            <th scope="col">Because</th>
          </tr>
        </thead>
        <tbody>
          {decisions.slice(0, isWhole ? undefined : SHOWN_AT_FIRST).map((decision) => (
            <Row key={`${decision.from} ${decision.reason}`} decision={decision} />
          ))}
        </tbody>
      </table>
      {!isWhole && decisions.length > SHOWN_AT_FIRST ? (
        <Button variant="default" mt="xs" onClick={() => showAll(true)}>
          Show all {decisions.length}
        </Button>
      ) : null}
    </Section>
  );
}

function Row({ decision: { from, to, phase, reason, explanation, effect } }: { decision: Decision }) {
  const at = useNow();
  const seconds = ((to === undefined ? at : Date.parse(to)) - Date.parse(from)) / 1_000;
  return (
    <tr>
      <td>
        <Time at={from} relative={false} />
      </td>
      <td className="number" data-column="For">
        {lasting(seconds)}
      </td>
      <td>
        <Phase phase={phase} />
      </td>
      <td>{reasonWords(reason)}</td>
      <td>
        {explanation}
        {effect === undefined ? null : <div>{effect.explanation}</div>}
      </td>
    </tr>
  );
}

const MINUTE_MS = 60_000;

/** The start of a range that ends now, moved on by the minute: each start is a query of its own. */
function useRangeStart(hours: number): string {
  const minute = Math.floor(useNow(MINUTE_MS) / MINUTE_MS) * MINUTE_MS;
  return new Date(minute - hours * 3_600_000).toISOString();
}
