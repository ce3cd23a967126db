import { Anchor } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { executionsQuery } from '../api/queries';
import { useMay } from './rights';
import { AppLink } from './link';

const AT_MOST = 50;

/** How many executions wait for a person's approval, linked to them. */
export function WaitForYou() {
  const mayApprove = useMay('approve');
  const { data } = useQuery({
    ...executionsQuery({ status: 'awaiting_approval', limit: AT_MOST }),
    enabled: mayApprove,
  });
  const count = data?.total ?? data?.items.length ?? 0;
  if (!mayApprove || count === 0) return null;
  const more = data?.total === undefined && data?.nextCursor !== undefined ? '+' : '';
  return (
    <Anchor component={AppLink} to="/approvals" fw={600} className="whole">
      {count}
      {more} {count === 1 ? 'waits' : 'wait'}
      <span className="if-room"> for you</span>
    </Anchor>
  );
}
