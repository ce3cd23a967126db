import { Alert } from '@mantine/core';
import { exactly } from '../parts/exactly';
import { staleSince } from './life';
import { Notice } from './notices';
import { zone } from './preferences';
import { useStore } from './store';

/** Says that what is shown may be old, for as long as nothing is heard of the server. */
export function StaleBadge() {
  const since = useStore(staleSince);
  const chosen = useStore(zone);
  return (
    <Notice>
      <div role="status">
        {since === undefined ? null : (
          <Alert color="yellow" variant="outline" title={`Stale since ${exactly(since, chosen)}`}>
            The server does not answer. This page catches up by itself when it does.
          </Alert>
        )}
      </div>
    </Notice>
  );
}
