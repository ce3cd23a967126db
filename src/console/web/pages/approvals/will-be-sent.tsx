import { useQuery } from '@tanstack/react-query';
import { awaitingRequestQuery } from '../../api/executions';
import { wordsOf } from '../../api/problem';
import { Json } from '../../parts/json';

/** The request that an approval would send. */
export function WillBeSent({ id }: { id: string }) {
  const { data, error } = useQuery(awaitingRequestQuery(id));
  if (data === undefined) return error === null ? null : <p className="problem">{wordsOf(error)}</p>;
  return (
    <details className="fold" open>
      <summary>What will be sent, secrets masked</summary>
      {'error' in data ? (
        <p className="problem">It can not be made: {data.error}</p>
      ) : (
        <Json value={data.request} name="What will be sent" />
      )}
    </details>
  );
}
