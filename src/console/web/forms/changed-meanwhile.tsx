import { Alert, Button, Group } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { editedKey } from '../api/edited';
import { editedQuery, type Kind } from '../api/lists';
import type { Stored } from '../api/shapes';
import { Time } from '../parts/time';
import { definitionOf } from './definition-form';
import { ThreeVersions } from './three-versions';
import type { JsonObject } from './values';

export interface ChangedMeanwhileProps {
  kind: Kind;
  id: string;
  /** What this form would save. */
  mine: JsonObject;
  /** What this form began with. */
  saved: JsonObject;
  /** Who it was, where that is known. */
  who?: string;
  /** Makes the next save replace what is stored now. */
  onKeepMine: (etag: string | null) => void;
}

/** Somebody else has saved meanwhile: who, when and what, and both ways out. */
export function ChangedMeanwhile({ kind, id, mine, saved, who, onKeepMine }: ChangedMeanwhileProps) {
  const queries = useQueryClient();
  const { queryFn } = editedQuery<Stored>(kind, id);
  const { data: theirs } = useQuery({ queryKey: [kind, id, 'theirs'], queryFn, staleTime: 0, gcTime: 0 });
  if (theirs === undefined) return null;
  return (
    <Alert color="yellow" variant="outline" role="alert" title="Somebody else has changed this meanwhile">
      <p>
        {who === undefined ? 'It was' : `${who} has`} changed <Time at={theirs.body.updatedAt} />. Yours is
        not saved.
      </p>
      <ThreeVersions found={saved} theirs={definitionOf(theirs.body)} mine={mine} />
      <Group mt="sm">
        <Button variant="default" onClick={() => onKeepMine(theirs.etag)}>
          Keep mine: the next Save replaces theirs
        </Button>
        <Button
          variant="default"
          onClick={() => void queries.invalidateQueries({ queryKey: [editedKey(kind)] })}
        >
          Take theirs: what is in this form goes
        </Button>
      </Group>
    </Alert>
  );
}
