export interface SavedView {
  name: string;
  /** Filters as in the URL, with its question mark; empty for all of the list. */
  search: string;
}

export const VIEWS_AT_MOST = 50;

/** Reads what is kept; whatever else is there counts as nothing. */
export function viewsOf(text: string | null): SavedView[] {
  try {
    const kept: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(kept) ? kept.filter(isView).slice(0, VIEWS_AT_MOST) : [];
  } catch {
    return [];
  }
}

const isView = (one: unknown): one is SavedView =>
  typeof one === 'object' &&
  one !== null &&
  typeof (one as SavedView).name === 'string' &&
  typeof (one as SavedView).search === 'string';
