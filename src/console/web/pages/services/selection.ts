/** What of a list is chosen to be changed together: some of it, or all that its filters match. */
import { useMemo, useState } from 'react';

export interface Selection {
  ids: ReadonlySet<string>;
  /** All that match, also what is not shown. */
  isAll: boolean;
  /** Chooses one, or chooses it no more; where all that match are chosen, nothing is then. */
  toggle: (id: string) => void;
  /** Chooses these; none of them, if all of them are chosen. */
  toggleAll: (ids: readonly string[]) => void;
  chooseAll: () => void;
  clear: () => void;
}

const NOTHING: ReadonlySet<string> = new Set();

interface Chosen {
  /** Query of the filters under which it was chosen. */
  key: string;
  ids: ReadonlySet<string>;
  isAll: boolean;
}

/** @param filter other filters choose anew: what is not shown any more is not changed by accident */
export function useSelection(filter: object): Selection {
  const key = JSON.stringify(filter);
  const [state, choose] = useState<Chosen>({ key, ids: NOTHING, isAll: false });
  const isOfFilter = state.key === key;
  const ids = isOfFilter ? state.ids : NOTHING;
  const isAll = isOfFilter && state.isAll;
  // Alike for as long as the filters are: rows whose choice stays need not be drawn again.
  const deeds = useMemo(() => {
    const change = (next: (ids: ReadonlySet<string>) => ReadonlySet<string>) =>
      choose(({ key: of, ids, isAll }) => {
        const chosen = of === key ? ids : NOTHING;
        return { key, ids: of === key && isAll ? NOTHING : next(chosen), isAll: false };
      });
    return {
      toggle: (id: string) =>
        change((chosen) => {
          const next = new Set(chosen);
          if (!next.delete(id)) next.add(id);
          return next;
        }),
      toggleAll: (some: readonly string[]) =>
        change((chosen) => (some.every((id) => chosen.has(id)) ? NOTHING : new Set([...chosen, ...some]))),
      chooseAll: () => choose({ key, ids: NOTHING, isAll: true }),
      clear: () => choose({ key, ids: NOTHING, isAll: false }),
    };
  }, [key]);
  return useMemo(() => ({ ids, isAll, ...deeds }), [ids, isAll, deeds]);
}
