import type { AlertStatus, IncomingAlert } from './alert';

/** How far a sender's clock may be ahead of ours, and how long a report may be on its way. */
export const TOLERANCE_MS = 300_000;

/** What is kept of the last report of an alert. Moments are ms since 1970. */
export interface LastReport {
  status: AlertStatus;
  /** When it was said; see `saidAtOf`. */
  reportedAt: number;
  lastSeenAt: number;
}

/**
 * Moment a report counts as said, ms since 1970: what its sender says. A clock that is more than five minutes ahead would
 * mask all that comes later: its reports count as said now. One without a time may have been said any time before.
 */
export function saidAtOf({ saidAt }: IncomingAlert, now: number): number {
  if (saidAt === undefined) return now - TOLERANCE_MS;
  const said = saidAt.getTime();
  return said > now + TOLERANCE_MS ? now : said;
}

/**
 * Is a report about a time before the last one of its alert? Then it changes nothing. Reports count in the order in which
 * they were said; of one moment the end comes last, else they count as they are received, as those without a time do.
 */
export function isOvertaken(alert: IncomingAlert, last: LastReport, now: number): boolean {
  if (alert.saidAt === undefined || alert.id !== undefined) return false;
  const isFiring = alert.status === 'firing';
  // One of several senders of the same alert: each says another start of it.
  if (isFiring && last.status === 'firing' && alert.saysStartAlone && alert.isRepeated) return false;
  const said = saidAtOf(alert, now);
  const isLaterStatus = isFiring && last.status === 'resolved';
  const isBefore = said < last.reportedAt || (said === last.reportedAt && isLaterStatus);
  return isBefore && !(isLaterStatus && firesOn(alert, last, now));
}

/**
 * Who says no more than since when an alert fires says the same of one that was only taken for over, as nothing was heard
 * of it. A report that was on its way all the time comes sooner.
 */
const firesOn = ({ saysStartAlone }: IncomingAlert, { lastSeenAt }: LastReport, now: number): boolean =>
  saysStartAlone === true && now - lastSeenAt > TOLERANCE_MS;
