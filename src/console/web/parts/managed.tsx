/** Says of a definition that its source is a file: others change it by force alone, until the file changes next. */
import { Badge } from '@mantine/core';

/** Manager of what the rules directory has applied. */
const FILES = 'files';

export const ManagedBadge = ({ by }: { by: string | undefined }) =>
  by === FILES ? (
    <Badge variant="default" title="It comes from the rules directory: change its file there">
      managed by files
    </Badge>
  ) : null;
