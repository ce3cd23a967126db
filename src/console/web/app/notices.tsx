/** What every page says at its foot, over what is scrolled: it comes and goes while nothing on the page moves. */
import type { ReactNode } from 'react';
import { createPortal } from 'react-dom';

let place: HTMLElement | undefined;

/** The one place of all notices, made when there is a first one. */
function placeOfNotices(): HTMLElement {
  if (place === undefined) {
    place = document.createElement('section');
    place.className = 'notices';
    place.setAttribute('aria-label', 'Notices');
    document.body.append(place);
  }
  return place;
}

export const Notice = ({ children }: { children: ReactNode }) => createPortal(children, placeOfNotices());
