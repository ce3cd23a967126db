import { useQuery } from '@tanstack/react-query';
import { executionsQuery } from '../../api/queries';
import { ExecutionTable } from '../../parts/executions';
import { Failure } from '../../parts/page';
import { Section } from '../../parts/section';

/** What its triggers had executed. */
export function Done({ name }: { name: string }) {
  const { data, error } = useQuery(executionsQuery({ service: name, limit: 10 }));
  return (
    <Section title="Executions">
      <Failure error={error} />
      {data?.items.length === 0 ? <p>It has executed nothing yet.</p> : null}
      {data !== undefined && data.items.length > 0 ? <ExecutionTable executions={data.items} /> : null}
    </Section>
  );
}
