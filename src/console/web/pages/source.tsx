/** A source: when it spoke last, what came and what became of it, whom it refused, and what to give to its sender. */
import { Alert, Button, Group, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { recentQuery, refusedQuery, type Payload, type Source } from '../api/alerts';
import { mappingsQuery } from '../api/queries';
import { AppLink } from '../app/link';
import { editPath, servicePath, sourcePath } from '../app/paths';
import { usePathPart } from '../app/path-part';
import { useMayWhole } from '../app/rights';
import { DeleteDefinition } from '../parts/delete-definition';
import { Found } from '../parts/definition-page';
import { Json } from '../parts/json';
import { Labels } from '../parts/labels';
import { Failure, NotYours, Page } from '../parts/page';
import { Params } from '../parts/params';
import { Section } from '../parts/section';
import { Time } from '../parts/time';
import { SnippetSection } from './sources/snippet-section';

export function SourcePage() {
  const name = usePathPart('name');
  const maySee = useMayWhole('viewer');
  if (!maySee) return <NotYours />;
  return (
    <Found<Source> kind="sources" name={name} what="source">
      {(source, error) => <Shown source={source} error={error} />}
    </Found>
  );
}

function Shown({ source, error }: { source: Source; error: unknown }) {
  const { id, name, format, params, lastSeenAt, alertsPerMinute, warnings = [], services } = source;
  const { data: mappings } = useQuery(mappingsQuery);
  const mayWrite = useMayWhole('admin');
  const entry = mappings?.alertFormats.find(({ type }) => type === format);
  return (
    <Page title={name} actions={mayWrite ? <Deeds source={source} /> : null}>
      <Failure error={error} />
      {warnings.map((warning) => (
        <Alert key={warning} color="yellow" variant="outline">
          {warning}
        </Alert>
      ))}
      <dl className="facts">
        <div>
          <dt>Format</dt>
          <dd>{entry?.title ?? format}</dd>
        </div>
        <div>
          <dt>Last heard</dt>
          <dd>{lastSeenAt === undefined ? 'never' : <Time at={lastSeenAt} />}</dd>
        </div>
        <div>
          <dt>Alerts in the last minute</dt>
          <dd className="number">{alertsPerMinute ?? 0}</dd>
        </div>
        <div>
          <dt>Speaks for</dt>
          <dd>{services === undefined ? 'all services' : services.join(', ')}</dd>
        </div>
      </dl>
      <Group>
        <AppLink to="/alerts" search={{ source: name }}>
          All its alerts
        </AppLink>
      </Group>
      <Stack gap="lg">
        {mayWrite ? <Recent id={id} /> : null}
        {mayWrite && format === 'snmp' ? <RefusedSenders id={id} /> : null}
        <Section title="Params">
          <Params params={params} schema={entry?.paramsSchema} />
        </Section>
        <SnippetSection format={format} />
      </Stack>
    </Page>
  );
}

/** The last payloads: how each was read, and what it touched. */
function Recent({ id }: { id: string }) {
  const { data, error } = useQuery(recentQuery(id));
  const payloads = data?.items ?? [];
  return (
    <Section title="Came lately">
      <Failure error={error} />
      {data !== undefined && payloads.length === 0 ? (
        <p className="hint">Nothing has come yet. What is sent stands here within two seconds.</p>
      ) : null}
      <Stack gap="sm" component="ol" className="plain">
        {payloads.map((payload, index) => (
          <li key={`${payload.at} ${index}`}>
            <PayloadShown payload={payload} />
          </li>
        ))}
      </Stack>
    </Section>
  );
}

function PayloadShown({
  payload: { at, format, status, payload, alertCount, errors, notes, alerts },
}: {
  payload: Payload;
}) {
  const isTaken = status < 400;
  return (
    <div className="panel">
      <b className={isTaken ? 'phase-ok' : 'phase-alarm'}>
        <span aria-hidden="true">{isTaken ? '✓' : '✗'}</span> {isTaken ? 'Taken' : 'Refused'} ({status})
      </b>{' '}
      <Time at={at} />, read as {format}: {alertCount} {alertCount === 1 ? 'alert' : 'alerts'}
      {errors.map(({ index, pointer, detail }) => (
        <p className="problem" key={`${index} ${pointer} ${detail}`}>
          {index === undefined ? '' : `Alert ${index + 1}: `}
          {pointer ? <span className="code">{pointer} </span> : null}
          {detail}
        </p>
      ))}
      {notes.map(({ detail }) => (
        <p className="hint" key={detail}>
          {detail}
        </p>
      ))}
      {alerts.map((alert) => (
        <div key={alert.id}>
          <Labels labels={alert.labels} />
          <p className="text">
            {alert.status}; matched{' '}
            {alert.matched.length === 0
              ? 'nothing: no Alert metric has a match that fits these labels'
              : null}
            {alert.matched.map(({ service, metric }) => (
              <span key={`${service} ${metric}`}>
                <AppLink to={servicePath(service)}>{service}</AppLink> ({metric}){' '}
              </span>
            ))}
          </p>
        </div>
      ))}
      <details className="fold">
        <summary>What was sent</summary>
        <Json value={payload} name="What was sent" />
      </details>
    </div>
  );
}

function RefusedSenders({ id }: { id: string }) {
  const { data, error } = useQuery(refusedQuery(id));
  const refused = data?.items ?? [];
  return (
    <Section title="Refused senders">
      <Failure error={error} />
      {refused.length === 0 ? (
        <p className="hint">Nobody was refused.</p>
      ) : (
        <table className="rows">
          <thead>
            <tr>
              <th scope="col">Address</th>
              <th scope="col">Why</th>
              <th scope="col">How often</th>
              <th scope="col">Last</th>
            </tr>
          </thead>
          <tbody>
            {refused.map(({ address, reason, count, lastAt, engineId }) => (
              <tr key={`${address} ${reason} ${engineId}`}>
                <td className="code">{address}</td>
                <td>
                  {reason}
                  {engineId === undefined ? null : <small> (engine {engineId})</small>}
                </td>
                <td className="number">{count} times</td>
                <td>
                  <Time at={lastAt} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Section>
  );
}

function Deeds({ source: { id, name } }: { source: Source }) {
  return (
    <>
      <DeleteDefinition kind="sources" id={id} name={name} then="/sources">
        Its token is void at once: whoever sends with it is refused.
      </DeleteDefinition>
      <Button component={AppLink} to={editPath(sourcePath(name))}>
        Edit
      </Button>
    </>
  );
}
