/** An infrastructure: its nodes and limits, what its services decided side by side, and its load balancer. */
import { Alert, Button, Group, Stack } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, client } from '../api/client';
import { capacityQuery } from '../api/infrastructures';
import { mappingsQuery } from '../api/queries';
import type { Capacity, Infrastructure } from '../api/shapes';
import { AppLink } from '../app/link';
import { editPath, infrastructurePath } from '../app/paths';
import { usePathPart } from '../app/path-part';
import { useMay } from '../app/rights';
import { DeleteDefinition } from '../parts/delete-definition';
import { Ask } from '../parts/ask';
import { Found } from '../parts/definition-page';
import { Labels } from '../parts/labels';
import { Failure, Page } from '../parts/page';
import { Params } from '../parts/params';
import { Section } from '../parts/section';
import { Countdown } from '../parts/time';
import { LoadBalancerSection } from './infrastructures/load-balancer-section';
import { NodesBar } from './infrastructures/nodes-bar';
import { ServicesStrip } from './infrastructures/services-strip';

export function InfrastructurePage() {
  const name = usePathPart('name');
  return (
    <Found<Infrastructure> kind="infrastructures" name={name} what="infrastructure">
      {(infrastructure, error) => <Shown infrastructure={infrastructure} error={error} />}
    </Found>
  );
}

function Shown({ infrastructure, error }: { infrastructure: Infrastructure; error: unknown }) {
  const { id, name, description, labels, nodes, loadBalancer } = infrastructure;
  const { data: mappings } = useQuery(mappingsQuery);
  const mayWrite = useMay('editor', labels ?? {});
  const counter = mappings?.metrics.find(({ type }) => type === nodes?.type);
  return (
    <Page title={name} actions={mayWrite ? <Deeds infrastructure={infrastructure} /> : null}>
      <Failure error={error} />
      <Labels labels={labels} />
      {description ? <p className="text">{description}</p> : null}
      <Stack gap="lg">
        <Nodes infrastructure={infrastructure} />
        <ServicesStrip infrastructure={name} />
        {nodes === undefined ? null : (
          <Section title={`Counted by ${counter?.title ?? nodes.type}`}>
            <Params params={nodes.params} schema={counter?.paramsSchema} />
          </Section>
        )}
        {loadBalancer === undefined ? null : <LoadBalancerSection id={id} labels={labels ?? {}} />}
      </Stack>
    </Page>
  );
}

function Nodes({
  infrastructure: { id, labels, minNodes, maxNodes, nodes },
}: {
  infrastructure: Infrastructure;
}) {
  const { data, error } = useQuery({ ...capacityQuery(id), enabled: nodes !== undefined });
  return (
    <Section title="Nodes">
      <Failure error={error} />
      {nodes === undefined ? (
        <p className="hint">
          Nothing counts its nodes, so no service can scale it. An editor can choose a counter.
        </p>
      ) : null}
      {data?.error === undefined ? null : (
        <Alert color="red" variant="outline" title="Its nodes can not be counted" mb="sm">
          {data.error}
        </Alert>
      )}
      {data?.frozenUntil === undefined ? null : (
        <Frozen id={id} until={data.frozenUntil} labels={labels ?? {}} />
      )}
      <dl className="facts">
        {data === undefined ? null : <Counts capacity={data} />}
        <Fact name="Limits" value={`${minNodes} to ${maxNodes}`} />
      </dl>
      {data === undefined ? null : <NodesBar capacity={data} />}
    </Section>
  );
}

const Counts = ({ capacity: { current, inFlight, effective, awaitingApproval } }: { capacity: Capacity }) => (
  <>
    <Fact name="Current" value={current ?? '–'} />
    <Fact name="In flight" value={inFlight ?? '–'} />
    <Fact name="Effective" value={effective ?? '–'} />
    {awaitingApproval === undefined ? null : <Fact name="Awaiting approval" value={awaitingApproval} />}
  </>
);

const Fact = ({ name, value }: { name: string; value: string | number }) => (
  <div>
    <dt>{name}</dt>
    <dd className="number">{value}</dd>
  </div>
);

interface FrozenProps {
  id: string;
  until: string;
  labels: Record<string, string>;
}

function Frozen({ id, until, labels }: FrozenProps) {
  const mayEnd = useMay('operator', labels);
  const [isAsking, ask] = useState(false);
  const queries = useQueryClient();
  return (
    <Alert color="yellow" variant="outline" title="Its scaling is frozen" mb="sm">
      <Group justify="space-between">
        <span>
          It went up and down too often. <Countdown to={until} what="It goes on in" />
        </span>
        {mayEnd ? (
          <Button variant="default" onClick={() => ask(true)}>
            End freeze
          </Button>
        ) : null}
      </Group>
      <Ask
        isOpen={isAsking}
        onClose={() => ask(false)}
        title="End the freeze"
        verb="End freeze"
        act={async () => {
          await answer(
            client.POST('/api/v1/infrastructures/{ref}/end-freeze', { params: { path: { ref: id } } }),
          );
          await queries.invalidateQueries({ queryKey: ['infrastructures'] });
        }}
      >
        From now on its services scale it again, up and down.
      </Ask>
    </Alert>
  );
}

function Deeds({ infrastructure: { id, name } }: { infrastructure: Infrastructure }) {
  return (
    <>
      <DeleteDefinition kind="infrastructures" id={id} name={name} then="/infrastructures">
        Its nodes stay as they are. Services that scale it must do without it first.
      </DeleteDefinition>
      <Button component={AppLink} to={editPath(infrastructurePath(name))}>
        Edit
      </Button>
    </>
  );
}
