/** What became of each thing that a contact was to be told: told by which execution, waiting for what, left out and why. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { EVENTS, NOTICE_STATUS, noticesQuery } from '../../api/contacts';
import type { Notice } from '../../api/shapes';
import { useFilters } from '../../app/filters';
import { AppLink } from '../../app/link';
import { executionPath } from '../../app/paths';
import { ChoiceFilter, Filters, RangeFilter } from '../../parts/filters';
import { List } from '../../parts/list';
import { Section } from '../../parts/section';
import { Time } from '../../parts/time';

export function Notices({ id, events }: { id: string; events: readonly Notice['event'][] }) {
  const [filters] = useFilters();
  const list = useInfiniteQuery(noticesQuery(id, filters));
  // What it is not told of any more stays in its history.
  const words = Object.fromEntries(
    Object.entries(EVENTS).flatMap(([event, [word]]) =>
      events.includes(event as Notice['event']) || filters.event === event ? [[event, word]] : [],
    ),
  );
  return (
    <Section title="What became of it">
      <Filters>
        <ChoiceFilter name="status" label="Status" words={NOTICE_STATUS} />
        <ChoiceFilter name="event" label="Event" words={words} />
        <RangeFilter />
      </Filters>
      <List
        list={list}
        what="notices"
        teach="What happens stands here within some seconds: told, by which message; waiting, and for what; or left out, and why."
      >
        {(notices) => <NoticeTable notices={notices} />}
      </List>
    </Section>
  );
}

const NoticeTable = ({ notices }: { notices: readonly Notice[] }) => (
  <table className="rows">
    <thead>
      <tr>
        <th scope="col">What</th>
        <th scope="col">Event</th>
        <th scope="col">Since</th>
        <th scope="col">Status</th>
        <th scope="col">Over</th>
      </tr>
    </thead>
    <tbody>
      {notices.map((notice) => (
        <tr key={notice.id}>
          <td dir="auto">{notice.text}</td>
          <td>{EVENTS[notice.event][0]}</td>
          <td data-column="Since">
            <Time at={notice.since} />
          </td>
          <td>
            <Became notice={notice} />
          </td>
          <td data-column="Over">
            <Over notice={notice} />
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

const SIGNS: Record<Notice['status'], string> = { waiting: '⏳', told: '✓', left_out: '⊘' };

function Became({ notice: { status, why, execution, toldAt } }: { notice: Notice }) {
  return (
    <>
      <b>
        <span aria-hidden="true">{SIGNS[status]}</span> {NOTICE_STATUS[status]}
      </b>{' '}
      {toldAt === undefined ? null : <Time at={toldAt} />} <Message id={execution} />
      {why === undefined ? null : <div className="hint">{why}</div>}
    </>
  );
}

function Over({ notice: { endedAt, endedHow, endExecution } }: { notice: Notice }) {
  if (endedAt === undefined) return 'no';
  return (
    <>
      <Time at={endedAt} />
      {endedHow === undefined ? null : `: ${endedHow}`} <Message id={endExecution} />
    </>
  );
}

const Message = ({ id }: { id: string | undefined }) =>
  id === undefined ? null : <AppLink to={executionPath(id)}>The message</AppLink>;
