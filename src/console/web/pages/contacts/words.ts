import { EVENTS } from '../../api/contacts';
import type { Contact } from '../../api/shapes';
import { lasting } from '../../parts/time';

/** What a contact is told of: "Approvals, failures". */
export function eventsWords(events: Contact['events']): string {
  const text = events.map((event) => EVENTS[event][0].toLowerCase()).join(', ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** How often a contact is told: "at most 20 an hour, 1 min apart". */
export const paceWords = ({
  maxPerHour,
  groupSeconds,
}: Pick<Contact, 'maxPerHour' | 'groupSeconds'>): string =>
  `at most ${maxPerHour} an hour${groupSeconds > 0 ? `, ${lasting(groupSeconds)} apart` : ''}`;
