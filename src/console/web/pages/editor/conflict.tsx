import { useQuery } from '@tanstack/react-query';
import { versionsQuery } from '../../api/queries';
import { ChangedMeanwhile, type ChangedMeanwhileProps } from '../../forms/changed-meanwhile';

/** Somebody else's change of a service meanwhile, whose author its versions tell. */
export function Conflict(props: Omit<ChangedMeanwhileProps, 'kind' | 'who'>) {
  const { data: versions } = useQuery(versionsQuery(props.id));
  return <ChangedMeanwhile {...props} kind="services" who={versions?.items[0]?.actor} />;
}
