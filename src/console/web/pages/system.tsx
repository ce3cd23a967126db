/** The system itself: what of it works, whether rules act, and what waits. */
import { Alert, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { killSwitchQuery } from '../api/queries';
import { healthQuery, queuesQuery, type Check, type Queue } from '../api/system';
import { AppLink } from '../app/link';
import { Failure, Page, Waiting } from '../parts/page';
import { Section } from '../parts/section';
import { lasting, Time } from '../parts/time';

export function System() {
  return (
    <Page title="System">
      <Stack gap="lg">
        <HealthSection />
        <KillSwitchSection />
        <QueuesSection />
        <Section title="For machines">
          <p className="text">
            <a href="docs" target="_blank" rel="noreferrer">
              The API, described
            </a>
            {', '}
            <a href="metrics" target="_blank" rel="noreferrer">
              metrics for Prometheus
            </a>
            {', '}
            <AppLink to="/import">import and export</AppLink>
          </p>
        </Section>
      </Stack>
    </Page>
  );
}

const STATUSES = {
  up: { sign: '●', word: 'Up', className: 'phase-ok' },
  degraded: { sign: '◐', word: 'Degraded', className: 'phase-pending' },
  down: { sign: '▲', word: 'Down', className: 'phase-alarm' },
};

const StatusWord = ({ status }: { status: keyof typeof STATUSES }) => {
  const { sign, word, className } = STATUSES[status];
  return (
    <b className={className}>
      <span aria-hidden="true">{sign}</span> {word}
    </b>
  );
};

/** What each check looks at. */
const CHECKS: Record<string, string> = {
  database: 'PostgreSQL takes what is written',
  redis: 'Redis takes and gives jobs',
  clock: 'The clock agrees with PostgreSQL’s',
  scheduler: 'Polls are made due in time',
  polls: 'Services are polled',
  spool: 'Notifications can be kept on disk',
  sources: 'It is known whose notifications are taken',
  disk: 'There is room on the disk',
};

function HealthSection() {
  const { data, error } = useQuery(healthQuery);
  return (
    <Section title="Health">
      <Failure error={error} />
      {data === undefined ? (
        error === null ? (
          <Waiting />
        ) : null
      ) : (
        <>
          <p className="text">
            <StatusWord status={data.status} />; this process is {data.roles.join(', ')}.
          </p>
          <table className="rows">
            <thead>
              <tr>
                <th scope="col">Check</th>
                <th scope="col">State</th>
                <th scope="col">What it looks at</th>
              </tr>
            </thead>
            <tbody>
              {Object.entries(data.checks).map(([name, check]) => (
                <CheckRow key={name} name={name} check={check} />
              ))}
            </tbody>
          </table>
        </>
      )}
    </Section>
  );
}

const CheckRow = ({ name, check: { status, error } }: { name: string; check: Check }) => (
  <tr>
    <td>{name}</td>
    <td>
      <StatusWord status={status} />
    </td>
    <td>
      {CHECKS[name]}
      {error === undefined ? null : <div className="problem">{error}</div>}
    </td>
  </tr>
);

function KillSwitchSection() {
  const { data } = useQuery(killSwitchQuery);
  if (data === undefined) return null;
  return (
    <Section title="Kill switch">
      {data.on ? (
        <Alert color="red" variant="outline" title="On: nothing is executed">
          {data.reason === undefined ? 'Nobody said why.' : `Reason: ${data.reason}`}
          {data.heldBy === 'environment'
            ? ' The environment holds it: MONSCALE_KILL_SWITCH.'
            : ` Stopped by ${data.by}.`}{' '}
          {data.changedAt === undefined ? null : <Time at={data.changedAt} />}
        </Alert>
      ) : (
        <p className="text">
          <StatusWord status="up" />: rules act.{' '}
          {data.changedAt === undefined ? null : (
            <>
              It was last changed <Time at={data.changedAt} />.
            </>
          )}
        </p>
      )}
    </Section>
  );
}

function QueuesSection() {
  const { data, error } = useQuery(queuesQuery);
  return (
    <Section title="Queues">
      {data === undefined || data === 'not told' ? (
        <p className="hint">
          {error === null && data === undefined
            ? 'Asking…'
            : 'The metrics, which tell of them, are for who has their token.'}
        </p>
      ) : (
        <>
          <dl className="facts">
            {data.facts.map(({ name, seconds }) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd className="number">{lasting(seconds)}</dd>
              </div>
            ))}
          </dl>
          <table className="rows">
            <thead>
              <tr>
                <th scope="col">Queue</th>
                <th scope="col">Jobs</th>
              </tr>
            </thead>
            <tbody>
              {data.queues.map((queue) => (
                <QueueRow key={queue.name} queue={queue} />
              ))}
            </tbody>
          </table>
        </>
      )}
    </Section>
  );
}

const QueueRow = ({ queue: { name, states } }: { queue: Queue }) => (
  <tr>
    <td>{name}</td>
    <td className="number">
      {Object.entries(states)
        .map(([state, count]) => `${count} ${state}`)
        .join(', ')}
    </td>
  </tr>
);
