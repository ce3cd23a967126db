import { Alert, Button, Group } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { client, versioned } from '../../api/client';
import { editedServiceQuery, versionsQuery } from '../../api/queries';
import type { Service } from '../../api/shapes';
import { Time } from '../../parts/time';
import { ThreeVersions } from '../../forms/three-versions';
import type { JsonObject } from '../../forms/values';
import { definitionOf } from './definition';

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
  return (
    <Alert color="yellow" variant="outline" role="alert" title="Somebody else has changed this meanwhile">
      <p>
        {latest === undefined ? 'It was' : `${latest.actor} has`} changed <Time at={theirs.body.updatedAt} />.
        Yours is not saved.
      </p>
      <ThreeVersions found={saved} theirs={definitionOf(theirs.body)} mine={mine} />
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
