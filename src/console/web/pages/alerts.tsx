/** Alerts as they came: what each matched, or that it matched nothing, and what was done because of it. */
import { useInfiniteQuery } from '@tanstack/react-query';
import type { Alert } from '../api/alerts';
import { listQuery } from '../api/lists';
import { useFilters } from '../app/filters';
import { AppLink } from '../app/link';
import { executionPath, servicePath } from '../app/paths';
import { ChoiceFilter, Filters, RangeFilter, TextFilter } from '../parts/filters';
import { Labels } from '../parts/labels';
import { List } from '../parts/list';
import { Page } from '../parts/page';
import { useSteady } from '../parts/steady';
import { Time } from '../parts/time';

const STATUSES = { firing: 'Firing', resolved: 'Resolved' };

export function Alerts() {
  const [filters] = useFilters();
  const list = useInfiniteQuery(listQuery<Alert>('alerts', filters));
  return (
    <Page title="Alerts">
      <Filters>
        <ChoiceFilter name="status" label="Status" words={STATUSES} />
        <TextFilter name="service" label="Service" placeholder="its name" />
        <TextFilter name="source" label="Source" placeholder="its name" />
        <RangeFilter />
      </Filters>
      <List
        list={list}
        what="alerts"
        teach={
          <>
            Alerts come from others: Prometheus, Grafana, SNMP traps, a script with curl. Make a{' '}
            <AppLink to="/sources">source</AppLink> for each sender, and give a service a metric of type Alert
            whose match fits their labels.
          </>
        }
      >
        {(alerts) => <AlertTable alerts={alerts} />}
      </List>
    </Page>
  );
}

function AlertTable({ alerts }: { alerts: readonly Alert[] }) {
  const { steady, held } = useSteady(alerts, ({ id }) => id);
  return (
    <table className="rows" {...held}>
      <thead>
        <tr>
          <th scope="col">Alert</th>
          <th scope="col">Status</th>
          <th scope="col">Received</th>
          <th scope="col">Matched</th>
          <th scope="col">Caused</th>
        </tr>
      </thead>
      <tbody>
        {steady.map((alert) => (
          <Row key={alert.id} alert={alert} />
        ))}
      </tbody>
    </table>
  );
}

/** What an alert is called: most senders name it so. */
const nameOf = ({ labels, dedupKey }: Alert): string =>
  labels.alertname ?? labels.summary ?? labels.trap_oid ?? dedupKey;

const summaryOf = ({ annotations }: Alert): string | undefined =>
  annotations.summary ?? annotations.description;

function Row({ alert }: { alert: Alert }) {
  const { status, value, labels, source, format, receivedAt, lastSeenAt, executions, dedupKey, at } = alert;
  return (
    <tr>
      <td>
        <details className="of-row">
          <summary data-row="" dir="auto">
            {nameOf(alert)}
          </summary>
          <dl className="params">
            <Fact name="Key" value={dedupKey} />
            <Fact name="Format" value={format} />
            {Object.entries(alert.annotations).map(([name, text]) => (
              <Fact key={name} name={name} value={text} />
            ))}
          </dl>
          <p className="hint">
            It says it is from <Time at={at} />, and was last seen <Time at={lastSeenAt} />.
          </p>
        </details>
        {summaryOf(alert) === undefined ? null : <div dir="auto">{summaryOf(alert)}</div>}
        <Labels labels={labels} />
      </td>
      <td>
        <b style={{ whiteSpace: 'nowrap' }} className={status === 'firing' ? 'phase-alarm' : 'phase-ok'}>
          <span aria-hidden="true">{status === 'firing' ? '▲' : '●'}</span> {STATUSES[status]}
        </b>
        {value === undefined ? null : <div className="number">{value}</div>}
      </td>
      <td>
        <Time at={receivedAt} />
        <div>
          from{' '}
          <AppLink to="/alerts" search={{ source }}>
            {source}
          </AppLink>
        </div>
      </td>
      <td>
        <Matched alert={alert} />
      </td>
      <td>
        {executions.length === 0 ? 'nothing' : null}
        {executions.map((id, index) => (
          <div key={id} className="target">
            <AppLink to={executionPath(id)}>Execution {index + 1}</AppLink>
          </div>
        ))}
      </td>
    </tr>
  );
}

const Fact = ({ name, value }: { name: string; value: string }) => (
  <div>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
);

const Matched = ({ alert: { matched } }: { alert: Alert }) =>
  matched.length === 0 ? (
    <span>nothing: no Alert metric has a match that fits these labels</span>
  ) : (
    matched.map(({ service, metric }) => (
      <div key={`${service} ${metric}`}>
        <AppLink to={servicePath(service)} dir="auto">
          {service}
        </AppLink>{' '}
        <small>({metric})</small>
      </div>
    ))
  );
