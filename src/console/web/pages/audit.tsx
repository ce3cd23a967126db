/** Audit: who did what, when, from where, and what it changed. For administrators. */
import { useInfiniteQuery } from '@tanstack/react-query';
import { listQuery } from '../api/lists';
import type { AuditEntry } from '../api/people';
import { useFilters } from '../app/filters';
import { AppLink } from '../app/link';
import { useMayWhole } from '../app/rights';
import { ChoiceFilter, Filters, RangeFilter, TextFilter } from '../parts/filters';
import { List } from '../parts/list';
import { NotYours, Page } from '../parts/page';
import { Time } from '../parts/time';

const OUTCOMES = { succeeded: 'Succeeded', failed: 'Failed', refused: 'Refused' };

export function Audit() {
  const isAdmin = useMayWhole('admin');
  return isAdmin ? <Entries /> : <NotYours />;
}

function Entries() {
  const [filters] = useFilters();
  const list = useInfiniteQuery(listQuery<AuditEntry>('audit', filters));
  return (
    <Page title="Audit">
      <Filters>
        <TextFilter name="actor" label="Who" placeholder="as it is shown" />
        <TextFilter name="action" label="Did what" placeholder="update" />
        <TextFilter name="object" label="To what" placeholder="service:web" />
        <ChoiceFilter name="outcome" label="Outcome" words={OUTCOMES} />
        <RangeFilter />
      </Filters>
      <List
        list={list}
        what="entries"
        teach="Whatever people and programs change, and what was refused to them, stands here."
      >
        {(entries) => (
          <table className="rows">
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Who</th>
                <th scope="col">Did what</th>
                <th scope="col">Outcome</th>
              </tr>
            </thead>
            <tbody>
              {entries.map((entry) => (
                <Row key={entry.id} entry={entry} />
              ))}
            </tbody>
          </table>
        )}
      </List>
    </Page>
  );
}

function Row({
  entry: { at, actor, via, address, action, object, outcome, changes, detail },
}: {
  entry: AuditEntry;
}) {
  const name = object.name ?? object.id;
  return (
    <tr>
      <td>
        <Time at={at} />
      </td>
      <td>
        <AppLink to="/audit" search={{ actor }} dir="auto">
          {actor}
        </AppLink>
        <div className="hint">
          by {via}
          {address === '' ? '' : ` from ${address}`}
        </div>
      </td>
      <td>
        <b>{action}</b> {object.type}{' '}
        {name === undefined ? null : (
          <AppLink to="/audit" search={{ object: `${object.type}:${name}` }} data-row="" dir="auto">
            {name}
          </AppLink>
        )}
        {changes.length === 0 ? null : <Differences changes={changes} />}
        {detail === undefined ? null : <div className="code hint">{JSON.stringify(detail)}</div>}
      </td>
      <td className={outcome === 'succeeded' ? undefined : 'phase-alarm'}>{OUTCOMES[outcome]}</td>
    </tr>
  );
}

function Differences({ changes }: { changes: AuditEntry['changes'] }) {
  return (
    <details className="of-row">
      <summary>
        {changes.length} {changes.length === 1 ? 'difference' : 'differences'}
      </summary>
      <dl className="params">
        {changes.map(({ pointer, before, after }) => (
          <div key={pointer}>
            <dt className="code">{pointer || '/'}</dt>
            <dd className="code">
              {before === undefined ? null : (
                <del>
                  <span className="visually-hidden">before: </span>
                  {shown(before)}
                </del>
              )}{' '}
              {after === undefined ? null : (
                <ins>
                  <span className="visually-hidden">after: </span>
                  {shown(after)}
                </ins>
              )}
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
