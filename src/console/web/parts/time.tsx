/** Times as people read them: how long ago, and exactly, in the zone they chose. */
import { useEffect, useState } from 'react';
import { now } from '../app/clock';
import { zone } from '../app/preferences';
import { useStore } from '../app/store';
import { exactly, spanWords } from './exactly';

/** Interval, milliseconds -> what follows the time by it, and the one timer of them all. */
const tickers = new Map<number, { told: Set<(at: number) => void>; timer: number }>();

/** Has something told the time at an interval, together with all others that follow it: a list of times renders once. */
function follow(everyMs: number, tell: (at: number) => void): () => void {
  let ticker = tickers.get(everyMs);
  if (ticker === undefined) {
    const told = new Set<(at: number) => void>();
    const tick = () => {
      const at = now();
      for (const one of told) one(at);
    };
    ticker = { told, timer: window.setInterval(tick, everyMs) };
    tickers.set(everyMs, ticker);
  }
  const { told, timer } = ticker;
  told.add(tell);
  return () => {
    told.delete(tell);
    if (told.size > 0) return;
    clearInterval(timer);
    tickers.delete(everyMs);
  };
}

/** The time by the server's clock, kept up to date. */
export function useNow(everyMs = 1_000): number {
  const [at, setAt] = useState(now);
  useEffect(() => follow(everyMs, setAt), [everyMs]);
  return at;
}

const UNITS: [seconds: number, word: string][] = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
  [1, 's'],
];

/** Writes a duration in its two largest units: `2 h 5 min`. */
export function lasting(seconds: number): string {
  let left = Math.max(0, Math.round(seconds));
  const words: string[] = [];
  for (const [size, word] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count > 0) words.push(`${count} ${word}`);
    else if (words.length > 0) break;
    if (words.length === 2) break;
  }
  return words.join(' ') || '0 s';
}

export const ago = (at: string | number, from: number): string => {
  const seconds = (from - new Date(at).getTime()) / 1_000;
  return seconds < 0 ? `in ${lasting(-seconds)}` : `${lasting(seconds)} ago`;
};

/** A moment, exactly, and how long ago it was. */
export function Time({ at, relative = true }: { at: string | number; relative?: boolean }) {
  const chosen = useStore(zone);
  const from = useNow(relative ? 1_000 : 3_600_000);
  const text = exactly(at, chosen);
  return (
    <time dateTime={new Date(at).toISOString()} className="number" title={relative ? text : undefined}>
      {relative ? `${ago(at, from)} ` : ''}
      <Exactly text={relative ? `(${text})` : text} />
    </time>
  );
}

/** A date and a time, which a line may end between, and nowhere else. */
function Exactly({ text }: { text: string }) {
  const end = text.indexOf(' ');
  return (
    <>
      <span className="whole">{text.slice(0, end)}</span> <span className="whole">{text.slice(end + 1)}</span>
    </>
  );
}

/** A stretch of time, exactly. */
export const Span = ({ from, to }: { from: string; to: string }) => (
  <span className="number">{spanWords(from, to, useStore(zone))}</span>
);

/** How long something has been so: `for 3 min`. */
export function Since({ at }: { at: string }) {
  const chosen = useStore(zone);
  return (
    <time dateTime={at} className="number whole" title={`since ${exactly(at, chosen)}`}>
      {lasting((useNow() - new Date(at).getTime()) / 1_000)}
    </time>
  );
}

/** Counts down to a moment; nothing once it is over. */
export function Countdown({ to, what }: { to: string; what: string }) {
  const chosen = useStore(zone);
  const left = (new Date(to).getTime() - useNow()) / 1_000;
  if (left <= 0) return null;
  return (
    <span className="number">
      {what} <b>{lasting(left)}</b>, until {exactly(to, chosen)}
    </span>
  );
}
