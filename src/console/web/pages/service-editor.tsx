import { useQuery } from '@tanstack/react-query';
import { useName } from '../app/filters';
import { editedQuery } from '../api/lists';
import { mappingsQuery } from '../api/queries';
import type { Service } from '../api/shapes';
import { Failure, Page, Waiting } from '../parts/page';
import { definitionOf } from '../forms/definition-form';
import { EMPTY_SERVICE } from './editor/definition';
import { ServiceForm } from './editor/service-form';

export function NewService() {
  const { data: mappings, error } = useQuery(mappingsQuery);
  if (mappings === undefined)
    return <Page title="New service">{error === null ? <Waiting /> : <Failure error={error} />}</Page>;
  return <ServiceForm title="New service" mappings={mappings} saved={EMPTY_SERVICE} />;
}

export function EditService() {
  const name = useName();
  const { data: mappings, error: unknownMappings } = useQuery(mappingsQuery);
  const { data: service, error } = useQuery(editedQuery<Service>('services', name));
  if (mappings === undefined || service === undefined) {
    const failed = error ?? unknownMappings;
    return <Page title={name}>{failed === null ? <Waiting /> : <Failure error={failed} />}</Page>;
  }
  return (
    <ServiceForm
      // Another version is another form.
      key={service.body.version}
      title={service.body.name}
      mappings={mappings}
      saved={definitionOf(service.body)}
      stored={{ id: service.body.id, etag: service.etag }}
    />
  );
}
