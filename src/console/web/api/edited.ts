/** Keys of queries whose answers a form begins with: what is typed goes when they are read again. */
const EDITED = 'edited-';

/** Returns the first part of the key for things of a kind. */
export const editedKey = (kind: string): string => `${EDITED}${kind}`;

export const isEdited = ({ queryKey }: { queryKey: readonly unknown[] }): boolean =>
  String(queryKey[0]).startsWith(EDITED);
