import { Alert, Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { answer, client } from '../../api/client';
import { loadBalancerQuery, type LoadBalancer, type Seat } from '../../api/infrastructures';
import { useMay } from '../../app/rights';
import { Failure } from '../../parts/page';
import { Section } from '../../parts/section';
import { Countdown, Time } from '../../parts/time';

const STATES: Record<Seat['state'], string> = {
  in: '● in: takes work',
  down: '▲ down: enabled, but not up',
  draining: '◐ draining: its node is gone',
  disabled: '○ disabled by a person',
  foreign: '– foreign: left alone',
};
const CHANGES_SHOWN = 20;

/** The pool of an infrastructure: its members, its last changes, and a sync at once. */
export function LoadBalancerSection({ id, labels }: { id: string; labels: Record<string, string> }) {
  const { data, error } = useQuery(loadBalancerQuery(id));
  const maySync = useMay('operator', labels);
  const queries = useQueryClient();
  const sync = useMutation({
    mutationFn: () =>
      answer(
        client.POST('/api/v1/infrastructures/{ref}/load-balancer/sync', { params: { path: { ref: id } } }),
      ),
    onSettled: () => queries.invalidateQueries({ queryKey: ['infrastructures', id] }),
  });
  return (
    <Section
      title="Load balancer"
      beside={
        maySync ? (
          <Button variant="default" onClick={() => sync.mutate()} aria-busy={sync.isPending}>
            Sync now
          </Button>
        ) : null
      }
    >
      <Failure error={error ?? sync.error} />
      {data === undefined ? null : <Pool balancer={data} />}
    </Section>
  );
}

function Pool({
  balancer: { explanation, error, members, changes, lastSyncAt, nextSyncAt },
}: {
  balancer: LoadBalancer;
}) {
  return (
    <>
      {error === undefined ? null : (
        <Alert color="red" variant="outline" mb="sm">
          {error}
        </Alert>
      )}
      <p className="text">
        {explanation}{' '}
        {lastSyncAt === undefined ? (
          'It was not synced yet.'
        ) : (
          <>
            Synced <Time at={lastSyncAt} />.{' '}
          </>
        )}
        <Countdown to={nextSyncAt} what="Next in" />
      </p>
      {members.length === 0 ? null : <Members members={members} />}
      {changes.length === 0 ? null : <Changes changes={changes.slice(-CHANGES_SHOWN).reverse()} />}
    </>
  );
}

const Members = ({ members }: { members: Seat[] }) => (
  <table className="rows">
    <caption className="visually-hidden">Members of the pool</caption>
    <thead>
      <tr>
        <th scope="col">Member</th>
        <th scope="col">Node</th>
        <th scope="col">State</th>
      </tr>
    </thead>
    <tbody>
      {members.map(({ member, node, state, drainUntil }) => (
        <tr key={member}>
          <td className="code">{member}</td>
          <td>{node ?? '–'}</td>
          <td>
            {STATES[state]} {drainUntil === undefined ? null : <Countdown to={drainUntil} what="for" />}
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

const Changes = ({ changes }: { changes: LoadBalancer['changes'] }) => (
  <details className="fold">
    <summary>Last changes</summary>
    <ul className="plain">
      {changes.map(({ at, member, change, why, outcome, error }) => (
        <li key={`${at} ${member} ${change} ${outcome}`}>
          <Time at={at} />: {change} <span className="code">{member}</span>, {outcome}: {why}
          {error === undefined ? null : <span className="problem"> {error}</span>}
        </li>
      ))}
    </ul>
  </details>
);
