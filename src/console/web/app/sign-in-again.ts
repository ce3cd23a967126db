/**
 * What happens when the session ends under a page. Where a form holds something that is not saved, the person signs in
 * within a dialog and the request goes on; else they are led to `/login` and come back.
 */
import { Store } from './store';

/** Whether the dialog is open. */
export const asksToSignIn = new Store(false);

const unsaved = new Set<symbol>();
let waiting: ((isSignedIn: boolean) => void)[] = [];
let leave: () => void = () => undefined;

/** Forms note here that they hold what is not saved. Returns a function that takes it back. */
export function noteUnsaved(): () => void {
  const mark = Symbol();
  unsaved.add(mark);
  return () => void unsaved.delete(mark);
}

/** @param go leads to `/login` */
export function whenSignedOut(go: () => void): void {
  leave = go;
}

/** Resolves with whether the person has signed in again. */
export function signedInAgain(): Promise<boolean> {
  if (unsaved.size === 0) {
    leave();
    return Promise.resolve(false);
  }
  asksToSignIn.set(true);
  return new Promise((resolve) => waiting.push(resolve));
}

/** Ends the dialog. */
export function endAsking(isSignedIn: boolean): void {
  asksToSignIn.set(false);
  for (const resolve of waiting) resolve(isSignedIn);
  waiting = [];
}
