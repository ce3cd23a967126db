import { EVENTS, EVENT_WORDS, type EventName } from './events';

/** What a message to a contact says. Pure. */

/** Things that one message names: the first ones; others are counted. */
const NAMED_AT_MOST = 50;
/** Lines of its text, and their length. */
const LINES_AT_MOST = 10;
const LINE_AT_MOST = 300;

/** Notice as a message names it. */
export interface Told {
  readonly id: string;
  readonly event: EventName;
  readonly text: string;
  readonly since: Date;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly endedAt: Date | null;
  readonly endedHow: string | null;
}

/** What templates see of a message as `message`. */
export interface Message {
  /** All of it in words, for people. */
  text: string;
  /** What is new: `{id, event, text, since, …}`. */
  items: object[];
  total: number;
  /** What is over: the same with `endedAt` and `how`. */
  over: object[];
  overTotal: number;
  /** Number of things that are not named: they came and went meanwhile, or there is no room for them. */
  leftOut: number;
  /** Number of things that were told and are not over, after this message. */
  open: number;
}

/**
 * Returns a message.
 *
 * @param leftOut number of things that were left out since the last message
 * @param open number of things that stay open after it
 */
export function messageOf(
  tells: readonly Told[],
  over: readonly Told[],
  leftOut: number,
  open: number,
): Message {
  const unnamed = leftOut + beyond(tells) + beyond(over);
  return {
    text: textOf(tells, over, unnamed),
    items: tells.slice(0, NAMED_AT_MOST).map(itemOf),
    total: tells.length,
    over: over.slice(0, NAMED_AT_MOST).map((one) => ({
      ...itemOf(one),
      endedAt: one.endedAt?.toISOString(),
      how: one.endedHow,
    })),
    overTotal: over.length,
    leftOut: unnamed,
    open,
  };
}

const beyond = (some: readonly Told[]): number => Math.max(0, some.length - NAMED_AT_MOST);

const itemOf = ({ id, event, text, since, facts }: Told): object => ({
  ...facts,
  id,
  event,
  text,
  since: since.toISOString(),
});

function textOf(tells: readonly Told[], over: readonly Told[], unnamed: number): string {
  const lines = [...tells.map(lineOf), ...over.map(endOf)];
  const rest = unnamed === 0 ? [] : [`${unnamed} more ${unnamed === 1 ? 'is' : 'are'} not named here`];
  if (lines.length === 1) return [...lines, ...rest].join('\n');
  const named = lines.slice(0, LINES_AT_MOST).map((line) => `- ${line}`);
  const more = lines.length > LINES_AT_MOST ? [`- and ${lines.length - LINES_AT_MOST} more`] : [];
  return [summaryOf(tells, over), ...named, ...more, ...rest].join('\n');
}

const lineOf = ({ text }: Told): string => shortened(text);

const endOf = ({ event, text, endedHow }: Told): string =>
  shortened(`over: ${text} (${endedHow ?? EVENT_WORDS[event][2]})`);

/** Returns what there is of each event: `2 executions failed, 1 service is blind; over: 1 source speaks again`. */
function summaryOf(tells: readonly Told[], over: readonly Told[]): string {
  const counted = (some: readonly Told[], words: (event: EventName, count: number) => string) =>
    EVENTS.flatMap((event) => {
      const count = some.filter((one) => one.event === event).length;
      return count === 0 ? [] : [`${count} ${words(event, count)}`];
    }).join(', ');
  const news = counted(tells, (event, count) => EVENT_WORDS[event][count === 1 ? 0 : 1]);
  const ends = counted(over, (event) => EVENT_WORDS[event][2]);
  return [news, ends === '' ? '' : `over: ${ends}`].filter((part) => part !== '').join('; ');
}

const shortened = (text: string): string =>
  // Half of a character is no text.
  text.length <= LINE_AT_MOST ? text : `${text.slice(0, LINE_AT_MOST - 1).replace(/[\ud800-\udbff]$/, '')}…`;
