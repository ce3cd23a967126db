import type { AlertStatus, IncomingAlert } from './alert';

/** Time by which a sender's clock may be ahead of ours, and which a report may be on its way, milliseconds. */
export const TOLERANCE_MS = 300_000;

/** Kept facts of the last report of an alert. Moments are ms since 1970. */
export interface LastReport {
  status: AlertStatus;
  /** Moment of that report; see `saidAtOf`. */
  reportedAt: number;
  lastSeenAt: number;
}

/**
 * Returns the moment of a report, ms since 1970: what its sender says. A clock more than five minutes ahead would mask
 * all later reports, so its reports count as sent now. A report without a time may have been sent any time before.
 */
export function saidAtOf({ saidAt }: IncomingAlert, now: number): number {
  if (saidAt === undefined) return now - TOLERANCE_MS;
  const said = saidAt.getTime();
  return said > now + TOLERANCE_MS ? now : said;
}

/**
 * Tells whether a report is older than the last one of its alert, and so changes nothing. Reports count in the order in
 * which they were sent; of one moment the end comes last. Otherwise they count as received, as those without a time do.
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
 * Tells whether the alert still fires though it was resolved: a sender that only says since when it fires repeats the
 * same start of one that was only taken as ended because nothing was heard. A report that was merely delayed comes
 * sooner.
 */
const firesOn = ({ saysStartAlone }: IncomingAlert, { lastSeenAt }: LastReport, now: number): boolean =>
  saysStartAlone === true && now - lastSeenAt > TOLERANCE_MS;
