/** What waits for a person's yes or no; first for a phone, at night. */
import { Alert, Button, Group, Stack, Textarea } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { listQuery } from '../api/lists';
import { wordsOf } from '../api/problem';
import type { Execution } from '../api/shapes';
import { AppLink } from '../app/link';
import { actionPath, executionPath, servicePath } from '../app/paths';
import { useMay } from '../app/rights';
import { List } from '../parts/list';
import { Page } from '../parts/page';
import { useSteady } from '../parts/steady';
import { Countdown, Time } from '../parts/time';
import { WillBeSent } from './approvals/will-be-sent';
import { useDeed } from './executions/deeds';

export function Approvals() {
  const list = useInfiniteQuery(listQuery<Execution>('executions', { status: 'awaiting_approval' }));
  return (
    <Page title="Approvals">
      <List
        list={list}
        what="approvals"
        teach="Nothing waits for a person. A service whose mode is “approve” asks here before it acts: it says what it would do and why, and acts once somebody says yes."
      >
        {(executions) => <Waiting executions={executions} />}
      </List>
    </Page>
  );
}

/** Cards stay where they are under a finger: what is tapped is what was read. */
function Waiting({ executions }: { executions: readonly Execution[] }) {
  const { steady, held } = useSteady(executions, ({ id }) => id);
  return (
    <Stack gap="md" {...held}>
      {steady.map((execution) => (
        <Approval key={execution.id} execution={execution} />
      ))}
    </Stack>
  );
}

function Approval({ execution }: { execution: Execution }) {
  const { id, action, service, justification, createdAt, expiresAt, nodes } = execution;
  return (
    <article className="panel approval" aria-labelledby={`approval-${id}`}>
      <h2 id={`approval-${id}`} dir="auto">
        {nodes === undefined ? action : nodesSentence(nodes)}
      </h2>
      <p className="text" dir="auto">
        {justification}
      </p>
      {nodes === undefined ? null : <Nodes nodes={nodes} />}
      <p className="text">
        <AppLink to={actionPath(action)}>{action}</AppLink>
        {service === undefined ? null : (
          <>
            {' for '}
            <AppLink to={servicePath(service)}>{service}</AppLink>
          </>
        )}
        , asked <Time at={createdAt} />.
      </p>
      {expiresAt === undefined ? null : (
        <p className="text">
          <Countdown to={expiresAt} what="Goes in" />
        </p>
      )}
      <WillBeSent id={id} />
      <YesOrNo id={id} />
      <AppLink to={executionPath(id)}>All of it</AppLink>
    </article>
  );
}

type NodesOf = NonNullable<Execution['nodes']>;

const nodesSentence = ({ delta }: NodesOf): string => {
  const count = Math.abs(delta);
  const word = count === 1 ? 'node' : 'nodes';
  return delta < 0 ? `Take away ${count} ${word}` : `Add ${count} ${word}`;
};

const Nodes = ({ nodes: { current, desired } }: { nodes: NodesOf }) => (
  <p className="before-after" aria-label={`Nodes: now ${current}, then ${desired}`}>
    <span>
      <small>now</small> {current}
    </span>
    <span aria-hidden="true">→</span>
    <span>
      <small>then</small> {desired}
    </span>
  </p>
);

/** Both are done once, however often they are tapped: the first tap is under way until the list is without it. */
function YesOrNo({ id }: { id: string }) {
  const mayApprove = useMay('approve');
  const deed = useDeed(id);
  const isOver = deed.isPending || deed.isSuccess;
  const [note, setNote] = useState('');
  const act = (what: 'approve' | 'reject') => {
    if (!isOver) deed.mutate({ deed: what, note });
  };
  if (!mayApprove) return <p className="hint">Somebody with the right to approve decides.</p>;
  return (
    <>
      {deed.isError ? (
        <Alert color="red" role="alert" my="sm">
          {wordsOf(deed.error)}
        </Alert>
      ) : null}
      <Textarea
        label="Note"
        description="Why, for whoever reads its history"
        autosize
        maxLength={1_000}
        value={note}
        onChange={(event) => setNote(event.currentTarget.value)}
      />
      <Group grow my="sm">
        <Button size="lg" onClick={() => act('approve')} aria-busy={deed.isPending}>
          Approve
        </Button>
        <Button size="lg" variant="default" onClick={() => act('reject')} aria-busy={deed.isPending}>
          Reject
        </Button>
      </Group>
    </>
  );
}
