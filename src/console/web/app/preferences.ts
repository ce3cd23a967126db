/** What a person has chosen in this browser. */
import { Store } from './store';
import type { Zone } from './zone';

export type { Zone } from './zone';

const KEY = 'monscale-time-zone';

function kept(): Zone {
  try {
    return localStorage.getItem(KEY) === 'utc' ? 'utc' : 'local';
  } catch {
    // Storage may be forbidden.
    return 'local';
  }
}

export const zone = new Store<Zone>(kept());

export function chooseZone(chosen: Zone): void {
  zone.set(chosen);
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // It lasts until the page is closed.
  }
}
