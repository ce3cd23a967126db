/** First script of the page, and a small one: has all that is needed loaded and asked for at once, not one after the other. */
import './app/kit.css';
import './app/app.css';
import { BASE } from './app/base';
import { askEarly } from './app/early';

/** Pages that are opened first, mostly; the router knows all of them. */
const PAGES: Record<string, () => Promise<unknown>> = {
  '/': () => import('./pages/overview'),
  '/services': () => import('./pages/services'),
};

const { pathname, search } = location;
const path = `/${pathname.slice(BASE.length)}`;
askEarly(path + search);
void import('./main');
// The router loads it, too, and tells of it where it can't be loaded.
PAGES[path]?.().catch(() => undefined);
