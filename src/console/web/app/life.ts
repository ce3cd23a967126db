/** When the server was last heard of. */
import { now } from './clock';
import { Store } from './store';

/** After so long without a sign of life, what is shown is called stale, milliseconds. */
const STALE_MS = 20_000;

let heardAt = now();

/** Moment since which nothing was heard; undefined while the server lives. */
export const staleSince = new Store<number | undefined>(undefined);

export function noteLife(): void {
  heardAt = now();
  staleSince.set(undefined);
}

/** Looks every second; runs for as long as the page is open. */
export function watchLife(): void {
  setInterval(() => {
    if (now() - heardAt > STALE_MS) staleSince.set(heardAt);
  }, 1_000);
}
