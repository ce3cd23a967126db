/** Frame of the pages of one definition: while it is read, and where it is not there (any more). */
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { definitionQuery, editedQuery, type Kind, type StoredVersion } from '../api/lists';
import { Problem } from '../api/problem';
import { mappingsQuery } from '../api/queries';
import type { Mappings, Stored } from '../api/shapes';
import { definitionOf } from '../forms/definition-form';
import type { JsonObject } from '../forms/values';
import { Failure, Page, Waiting } from './page';

interface FoundProps<T> {
  kind: Kind;
  /** Name or id of the definition, from the path. */
  name: string;
  /** Word for one of it: "action". */
  what: string;
  children: (definition: T, error: unknown) => ReactNode;
}

export function Found<T>({ kind, name, what, children }: FoundProps<T>) {
  const { data, error } = useQuery(definitionQuery<T>(kind, name));
  if (error instanceof Problem && error.status === 404) return <NotThere name={name} what={what} />;
  if (data === undefined)
    return <Page title={name}>{error === null ? <Waiting /> : <Failure error={error} />}</Page>;
  return children(data, error);
}

const NotThere = ({ name, what }: { name: string; what: string }) => (
  <Page title={name}>
    <p>There is no {what} of this name, or it has been deleted.</p>
  </Page>
);

interface EditedProps extends Omit<FoundProps<never>, 'children'> {
  children: (saved: JsonObject, stored: StoredVersion, mappings: Mappings) => ReactNode;
}

/** What a form of something that is there begins with; another version is another form. */
export function Edited({ kind, name, what, children }: EditedProps) {
  const { data: mappings, error: unknownMappings } = useQuery(mappingsQuery);
  const { data, error } = useQuery(editedQuery<Stored & { name: string }>(kind, name));
  if (error instanceof Problem && error.status === 404) return <NotThere name={name} what={what} />;
  const failed = error ?? unknownMappings;
  return (
    <Page title={data?.body.name ?? name}>
      {data === undefined || mappings === undefined ? (
        failed === null ? (
          <Waiting />
        ) : (
          <Failure error={failed} />
        )
      ) : (
        <div key={data.body.version}>
          {children(definitionOf(data.body), { id: data.body.id, etag: data.etag }, mappings)}
        </div>
      )}
    </Page>
  );
}

/** A form of something new. */
export function New({ title, children }: { title: string; children: (mappings: Mappings) => ReactNode }) {
  const { data: mappings, error } = useQuery(mappingsQuery);
  return (
    <Page title={title}>
      <Failure error={error} />
      {mappings === undefined ? error === null ? <Waiting /> : null : children(mappings)}
    </Page>
  );
}
