/** An alert that feeds a rule, as explanations and templates show it. */
export interface ToldAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Number the alert carries; absent where it carries none and only fires. */
  readonly value?: number;
  readonly source: string;
  /** Moment at which the alert began or was sent, RFC 3339. */
  readonly at: string;
}

const MAX_LABELS = 6;
const MAX_TEXT = 200;
/** Matches a text that was cut inside a surrogate pair. */
const HALF_A_PAIR = /[\ud800-\udbff]$/;
/** Labels that may name an alert, by different senders; the first present is used. */
const NAMES = ['alertname', 'title', 'alarm_name', 'rulename', 'trap_name', 'trap_oid', 'summary', 'type'];
const SUMMARIES = ['summary', 'description', 'message'];

/** Formats an alert: "HostDown{instance="db-7"} since 12:00:03Z: db-7 does not answer" */
export function alertText({ labels, annotations, at }: ToldAlert): string {
  const named = NAMES.find((name) => Object.hasOwn(labels, name));
  const others = Object.entries(labels).filter(([name]) => name !== named);
  const shown = others.slice(0, MAX_LABELS).map(([name, text]) => `${name}=${JSON.stringify(short(text))}`);
  if (others.length > MAX_LABELS) shown.push('…');
  const name = named === undefined ? 'an alert' : short(labels[named]!);
  const braces = shown.length === 0 ? '' : `{${shown.join(', ')}}`;
  const summary = SUMMARIES.find((one) => Object.hasOwn(annotations, one));
  const said = summary === undefined ? '' : `: ${short(annotations[summary]!)}`;
  return `${name}${braces} since ${at.slice(11, 19)}Z${said}`;
}

/** Matches control characters, including those that change the direction of text (Unicode's Bidi_Control). */
const CONTROLS = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;

/**
 * Shortens a text to one line without control characters, so that its sender can't change how the sentence around it
 * reads.
 */
function short(text: string): string {
  const line = text.replace(CONTROLS, ' ').replace(/\s+/g, ' ').trim();
  return line.length <= MAX_TEXT ? line : `${line.slice(0, MAX_TEXT - 1).replace(HALF_A_PAIR, '')}…`;
}
