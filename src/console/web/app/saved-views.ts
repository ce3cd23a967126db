/** Views of a list that a person keeps in this browser: a name, and the filters as they stand in the URL. */
import { Store } from './store';
import { VIEWS_AT_MOST, viewsOf, type SavedView } from './views-kept';

const KEY = 'monscale-views-services';
const NAME_AT_MOST = 100;

function read(): SavedView[] {
  try {
    return viewsOf(localStorage.getItem(KEY));
  } catch {
    // Storage may be forbidden.
    return [];
  }
}

export const savedViews = new Store<readonly SavedView[]>(read());
// Another tab has saved one.
window.addEventListener('storage', ({ key }) => (key === KEY ? savedViews.set(read()) : undefined));

function keep(views: readonly SavedView[]): void {
  savedViews.set(views);
  try {
    localStorage.setItem(KEY, JSON.stringify(views));
  } catch {
    // They last until the page is closed.
  }
}

/** Keeps a view; one of the same name is replaced. */
export function saveView({ name, search }: SavedView): void {
  const named = { name: name.trim().slice(0, NAME_AT_MOST), search };
  const others = read().filter((one) => one.name !== named.name);
  keep([...others, named].slice(-VIEWS_AT_MOST));
}

export const forgetView = (name: string): void => keep(read().filter((one) => one.name !== name));
