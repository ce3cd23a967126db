/** When a contact is told: the next windows of its schedule. */
import { useQuery } from '@tanstack/react-query';
import { contactWindowsQuery } from '../../api/contacts';
import { Problem } from '../../api/problem';
import type { TimeWindow } from '../../api/shapes';
import { useSettled } from '../../app/settled';
import { Failure } from '../../parts/page';
import { Section } from '../../parts/section';
import { Span, useNow } from '../../parts/time';

interface WindowsProps {
  /** Schedule as it would be sent; undefined: none. */
  schedule: object | undefined;
  /** How many windows are shown. */
  atMost?: number;
}

export const Windows = ({ schedule, atMost = 10 }: WindowsProps) => (
  <Section title="When it is told">
    {schedule === undefined ? (
      <p className="text">At any time.</p>
    ) : (
      <Preview schedule={schedule} atMost={atMost} />
    )}
  </Section>
);

function Preview({ schedule, atMost }: { schedule: object; atMost: number }) {
  const settled = useSettled(JSON.stringify(schedule), 300);
  const { data, error } = useQuery(contactWindowsQuery(JSON.parse(settled) as object));
  if (error instanceof Problem && error.status === 400)
    return <p className="hint">Its next windows stand here once its rule, zone and length are right.</p>;
  return (
    <>
      <Failure error={error} />
      {data === undefined ? null : <Next windows={data.nextWindows.slice(0, atMost)} />}
    </>
  );
}

function Next({ windows }: { windows: readonly TimeWindow[] }) {
  const at = useNow(10_000);
  const isOpen = windows[0] !== undefined && Date.parse(windows[0].from) <= at;
  return (
    <div aria-live="polite">
      <p className="text">{isOpen ? 'It is told now.' : 'It is not told now.'}</p>
      <h3>Next windows</h3>
      <ul className="plain">
        {windows.map(({ from, to }) => (
          <li key={from}>
            <Span from={from} to={to} />
          </li>
        ))}
      </ul>
    </div>
  );
}
