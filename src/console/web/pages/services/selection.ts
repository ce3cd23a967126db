/** What of a list is chosen to be changed together: some of it, or all that its filters match. */
import { useState } from 'react';

export interface Selection {
  ids: ReadonlySet<string>;
  /** All that match, also what is not shown. */
  isAll: boolean;
  toggle: (id: string) => void;
  /** Chooses these; none of them, if all of them are chosen. */
  toggleAll: (ids: readonly string[]) => void;
  chooseAll: () => void;
  clear: () => void;
}

const NOTHING: ReadonlySet<string> = new Set();

/** @param filter other filters choose anew: what is not shown any more is not changed by accident */
export function useSelection(filter: object): Selection {
  const key = JSON.stringify(filter);
  const [chosen, choose] = useState({ key, ids: NOTHING, isAll: false });
  const { ids, isAll } = chosen.key === key ? chosen : { ids: NOTHING, isAll: false };
  const set = (next: ReadonlySet<string>, all = false) => choose({ key, ids: next, isAll: all });
  return {
    ids,
    isAll,
    toggle: (id) => {
      const next = new Set(ids);
      if (!next.delete(id)) next.add(id);
      set(next);
    },
    toggleAll: (some) => set(some.every((id) => ids.has(id)) ? NOTHING : new Set([...ids, ...some])),
    chooseAll: () => set(NOTHING, true),
    clear: () => set(NOTHING),
  };
}
