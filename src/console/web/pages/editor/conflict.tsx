import { Alert, Button, Group } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { client, versioned } from '../../api/client';
import { editedServiceQuery, versionsQuery } from '../../api/queries';
import type { Service } from '../../api/shapes';
import { Time } from '../../parts/time';
import type { JsonObject } from '../../forms/values';
import { definitionOf } from './definition';
import { differences } from './differences';

interface ConflictProps {
  id: string;
  /** What this form would save. */
  mine: JsonObject;
  /** What this form began with. */
  saved: JsonObject;
  /** Makes the next save replace what is stored now. */
  onKeepMine: (etag: string | null) => void;
}

/** Somebody else has saved meanwhile: who, when and what, and both ways out. */
export function Conflict({ id, mine, saved, onKeepMine }: ConflictProps) {
  const queries = useQueryClient();
  const { data: theirs } = useQuery({
    queryKey: ['services', id, 'theirs'],
    queryFn: () =>
      versioned<Service>(client.GET('/api/v1/services/{ref}', { params: { path: { ref: id } } })),
  });
  const { data: versions } = useQuery(versionsQuery(id));
  if (theirs === undefined) return null;
  const latest = versions?.items[0];
  const changed = differences(saved, definitionOf(theirs.body));
  return (
    <Alert color="yellow" variant="outline" role="alert" title="Somebody else has changed this meanwhile">
      <p>
        {latest === undefined ? 'It was' : `${latest.actor} has`} changed <Time at={theirs.body.updatedAt} />.
        Yours is not saved.
      </p>
      <table className="rows">
        <thead>
          <tr>
            <th scope="col">Field</th>
            <th scope="col">As you found it</th>
            <th scope="col">Theirs</th>
            <th scope="col">Yours</th>
          </tr>
        </thead>
        <tbody>
          {changed.map(({ name, before, after }) => (
            <tr key={name}>
              <td>{name}</td>
              <td className="code">{before}</td>
              <td className="code">{after}</td>
              <td className="code">{shown(mine[name])}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Group mt="sm">
        <Button variant="default" onClick={() => onKeepMine(theirs.etag)}>
          Keep mine: the next Save replaces theirs
        </Button>
        <Button
          variant="default"
          onClick={() =>
            void queries.invalidateQueries({ queryKey: editedServiceQuery(String(saved.name)).queryKey })
          }
        >
          Take theirs: what is in this form goes
        </Button>
      </Group>
    </Alert>
  );
}

const shown = (value: unknown): string => (value === undefined ? '' : JSON.stringify(value));
