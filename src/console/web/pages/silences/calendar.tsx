import { useInfiniteQuery } from '@tanstack/react-query';
import { listQuery } from '../../api/lists';
import type { Silence } from '../../api/shapes';
import { AppLink } from '../../app/link';
import { silencePath } from '../../app/paths';
import { zone, type Zone } from '../../app/preferences';
import { useStore } from '../../app/store';
import { Section } from '../../parts/section';
import { useNow } from '../../parts/time';
import { calendarDays, type CalendarDay } from './calendar-days';

const DAYS = 28;
const SHOWN_A_DAY = 3;

/** The windows of the next four weeks, by day; on a telephone, the days that have any. */
export function Calendar() {
  const { data } = useInfiniteQuery(listQuery<Silence>('silences', { over: 'false' }));
  const chosen = useStore(zone);
  const at = useNow(60_000);
  const days = calendarDays(data?.pages.flatMap(({ items }) => items) ?? [], at, DAYS, chosen);
  return (
    <Section title="Calendar">
      <p className="hint">
        Windows of the next four weeks, days {chosen === 'utc' ? 'in UTC' : 'by local time'}. Of one that
        repeats, its next ten.
      </p>
      <ol className="calendar">
        {days.map((day) => (
          <Day key={day.start} day={day} chosen={chosen} />
        ))}
      </ol>
    </Section>
  );
}

function Day({ day: { start, windows }, chosen }: { day: CalendarDay; chosen: Zone }) {
  const options = chosen === 'utc' ? { timeZone: 'UTC' } : {};
  const written = (form: Intl.DateTimeFormatOptions, time: number) =>
    new Intl.DateTimeFormat('en-GB', { ...options, ...form }).format(time);
  const clock = (time: number) => written({ hour: '2-digit', minute: '2-digit' }, time);
  const end = start + 24 * 3_600_000;
  const more = windows.length - SHOWN_A_DAY;
  return (
    <li className={windows.length === 0 ? 'free' : undefined}>
      <b className="number">{written({ weekday: 'short', day: 'numeric', month: 'short' }, start)}</b>
      {windows.slice(0, SHOWN_A_DAY).map(({ silence, from, to }) => (
        <AppLink key={`${silence.id} ${from}`} to={silencePath(silence.id)}>
          <span className="number">
            {hoursWords(from <= start ? undefined : clock(from), to >= end ? undefined : clock(to))}
          </span>{' '}
          <span dir="auto">{silence.reason}</span>
        </AppLink>
      ))}
      {more > 0 ? <span>and {more} more</span> : null}
    </li>
  );
}

/** @param from undefined where it began before; likewise `to` */
function hoursWords(from: string | undefined, to: string | undefined): string {
  if (from === undefined && to === undefined) return 'all day';
  return `${from ?? '…'}–${to ?? '…'}`;
}
