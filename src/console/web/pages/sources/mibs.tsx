import { Button, Group } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { mibsQuery, type Mib } from '../../api/alerts';
import { answer, client } from '../../api/client';
import { Ask } from '../../parts/ask';
import { Failure } from '../../parts/page';
import { Section } from '../../parts/section';

/** MIB modules, which give names to the OIDs of notifications. */
export function Mibs({ mayWrite }: { mayWrite: boolean }) {
  const { data, error } = useQuery(mibsQuery);
  const [leaving, leave] = useState<string>();
  const queries = useQueryClient();
  const builtIn = data?.items.filter((mib) => mib.builtIn) ?? [];
  const own = data?.items.filter((mib) => !mib.builtIn) ?? [];
  return (
    <Section title="MIBs" beside={mayWrite ? <Upload /> : null}>
      <Failure error={error} />
      <p className="hint">
        Names for the OIDs of SNMP notifications and walks. {builtIn.length} modules are built in
        {own.length === 0 ? '; upload those of your devices.' : '.'}
      </p>
      {own.length === 0 ? null : (
        <table className="rows">
          <thead>
            <tr>
              <th scope="col">Module</th>
              <th scope="col">Names</th>
              <th scope="col">Missing</th>
              <th scope="col">
                <span className="visually-hidden">Deeds</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {own.map((mib) => (
              <Row key={mib.name} mib={mib} onDelete={mayWrite ? () => leave(mib.name) : undefined} />
            ))}
          </tbody>
        </table>
      )}
      <Ask
        isOpen={leaving !== undefined}
        onClose={() => leave(undefined)}
        title={`Delete ${leaving}`}
        verb="Delete"
        isDangerous
        act={async () => {
          await answer(client.DELETE('/api/v1/mibs/{name}', { params: { path: { name: leaving! } } }));
          await queries.invalidateQueries({ queryKey: mibsQuery.queryKey });
        }}
      >
        Its OIDs have no names any more.
      </Ask>
    </Section>
  );
}

const Row = ({
  mib: { name, names, unresolved, missing },
  onDelete,
}: {
  mib: Mib;
  onDelete?: () => void;
}) => (
  <tr>
    <td className="code">{name}</td>
    <td className="number">{names}</td>
    <td>
      {unresolved === 0
        ? 'nothing'
        : `${unresolved} names, whose parents are not here: ${missing?.join(', ')}`}
    </td>
    <td>
      {onDelete === undefined ? null : (
        <Button variant="subtle" size="compact-sm" onClick={onDelete} aria-label={`Delete ${name}`}>
          Delete
        </Button>
      )}
    </td>
  </tr>
);

function Upload() {
  const input = useRef<HTMLInputElement>(null);
  const queries = useQueryClient();
  const upload = useMutation({
    mutationFn: async (file: File) =>
      answer<Mib>(
        client.POST('/api/v1/mibs', {
          body: (await file.text()) as never,
          bodySerializer: (body: unknown) => body as string,
          headers: { 'Content-Type': 'text/plain' },
        }),
      ),
    onSuccess: () => queries.invalidateQueries({ queryKey: mibsQuery.queryKey }),
  });
  return (
    <Group>
      <Failure error={upload.error} />
      <span role="status">
        {upload.data === undefined ? '' : `${upload.data.name} has ${upload.data.names} names.`}
      </span>
      <input
        ref={input}
        type="file"
        hidden
        aria-label="MIB module"
        onChange={(event) => {
          const [file] = event.currentTarget.files ?? [];
          if (file !== undefined) upload.mutate(file);
          event.currentTarget.value = '';
        }}
      />
      <Button variant="default" onClick={() => input.current?.click()} aria-busy={upload.isPending}>
        Upload MIB
      </Button>
    </Group>
  );
}
