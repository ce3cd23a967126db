/** An execution: why it was begun, each attempt with what was sent and what came back, and what a person can do. */
import { Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { executionQuery } from '../api/executions';
import { Problem } from '../api/problem';
import type { Attempt, Execution } from '../api/shapes';
import { AppLink } from '../app/link';
import { actionPath, contactPath, servicePath } from '../app/paths';
import { usePathPart } from '../app/path-part';
import { Status } from '../parts/executions';
import { Json } from '../parts/json';
import { Failure, Page, Waiting } from '../parts/page';
import { Section } from '../parts/section';
import { Countdown, lasting, Time } from '../parts/time';
import { ExecutionDeeds } from './executions/deeds';

export function ExecutionPage() {
  const id = usePathPart('id');
  const { data, error } = useQuery(executionQuery(id));
  if (error instanceof Problem && [400, 404].includes(error.status))
    return (
      <Page title="Execution">
        <p>There is no execution of this id; old ones are forgotten in time.</p>
      </Page>
    );
  if (data === undefined)
    return <Page title="Execution">{error === null ? <Waiting /> : <Failure error={error} />}</Page>;
  return <Found execution={data} error={error} />;
}

function Found({ execution, error }: { execution: Execution; error: unknown }) {
  const { status, justification, attempts } = execution;
  return (
    <Page title={`Execution of ${execution.action}`} actions={<ExecutionDeeds execution={execution} />}>
      <Failure error={error} />
      <p className="text">
        <Status status={status} />: {justification}
      </p>
      <Facts execution={execution} />
      <Section title="Attempts">
        {attempts.length === 0 ? <p className="hint">It has not been tried yet.</p> : null}
        <Stack gap="sm" component="ol" className="plain">
          {attempts.map((attempt, index) => (
            <li key={index}>
              <AttemptShown attempt={attempt} number={index + 1} />
            </li>
          ))}
        </Stack>
      </Section>
    </Page>
  );
}

function Facts({ execution }: { execution: Execution }) {
  const {
    service,
    contact,
    action,
    kind,
    createdAt,
    finishedAt,
    nextAttemptAt,
    expiresAt,
    held,
    nodes,
    status,
    id,
  } = execution;
  const isOpen = finishedAt === undefined;
  return (
    <dl className="facts">
      {service === undefined ? null : (
        <Fact name="Service">
          <AppLink to={servicePath(service)}>{service}</AppLink>
        </Fact>
      )}
      {contact === undefined ? null : (
        <Fact name="Contact">
          <AppLink to={contactPath(contact)}>{contact}</AppLink>
        </Fact>
      )}
      <Fact name="Action">
        <AppLink to={actionPath(action)}>{action}</AppLink>
      </Fact>
      {kind === 'test' ? <Fact name="Kind">Test by a person</Fact> : null}
      <Fact name="Begun">
        <Time at={createdAt} />
      </Fact>
      {finishedAt === undefined ? null : (
        <Fact name="Ended">
          <Time at={finishedAt} />
        </Fact>
      )}
      {nodes === undefined ? null : (
        <Fact name="Nodes">
          <span className="number">
            {nodes.current} → {nodes.desired}
          </span>
        </Fact>
      )}
      {isOpen && nextAttemptAt !== undefined && ['queued', 'waiting'].includes(status) ? (
        <Fact name="Next">
          <Countdown to={nextAttemptAt} what="in" />
        </Fact>
      ) : null}
      {status === 'awaiting_approval' && expiresAt !== undefined ? (
        <Fact name="Approval">
          <Countdown to={expiresAt} what="possible for" />
        </Fact>
      ) : null}
      {held === undefined ? null : <Fact name="Held">{held}</Fact>}
      <Fact name="Key">
        <span className="code">{id}</span>
      </Fact>
    </dl>
  );
}

const Fact = ({ name, children }: { name: string; children: ReactNode }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

function AttemptShown({ attempt, number }: { attempt: Attempt; number: number }) {
  const { startedAt, finishedAt, outcome, request, error, detail, times } = attempt;
  const took =
    finishedAt === undefined ? undefined : (Date.parse(finishedAt) - Date.parse(startedAt)) / 1_000;
  return (
    <div className="panel">
      <b>
        {number}. {(outcome ?? 'running').replaceAll('_', ' ')}
      </b>{' '}
      <Time at={startedAt} />
      {took === undefined || took < 1 ? null : `, took ${lasting(took)}`}
      {times === undefined ? null : `, asked ${times} times`}
      {error === undefined ? null : <p className="problem">{error}</p>}
      {detail === undefined ? null : <p className="text">{detail}</p>}
      {request === undefined ? null : (
        <details className="fold">
          <summary>What was sent, secrets masked</summary>
          <Json value={request} name={`Request of attempt ${number}`} />
        </details>
      )}
    </div>
  );
}
