import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { answer, client } from '../../api/client';
import { wordsOf } from '../../api/problem';
import { infrastructuresQuery } from '../../api/queries';
import { now } from '../../app/clock';
import { useSettled } from '../../app/settled';
import { askEngine } from '../../backtest/engine';
import { readingsCount, readingsQuery, READINGS_AT_MOST } from '../../backtest/readings';
import type { BacktestRule, Recording, Replayed } from '../../backtest/replay';
import { backtestRule } from '../../backtest/rule';
import type { JsonObject } from '../../forms/values';

export interface Backtested {
  recording?: Recording;
  saved?: Replayed;
  edited?: Replayed;
  error?: string;
  from: number;
  to: number;
  /** Whether the server replays the rules, as they need more than the page has. */
  isByServer: boolean;
}

const DAY_MS = 86_400_000;

/** Replays the saved and the edited rule over the last days, again whenever the edited one changes. */
export function useBacktest(id: string, saved: JsonObject, edited: JsonObject, days: number): Backtested {
  // Opened once: what is compared has the same readings.
  const [to] = useState(() => Math.floor(now() / 1_000) * 1_000);
  const from = to - days * DAY_MS;
  const { data: infrastructures } = useQuery(infrastructuresQuery);
  const ruleOf = (definition: JsonObject) =>
    backtestRule(
      definition,
      infrastructures?.find(({ id: one, name }) => [one, name].includes(String(definition.infrastructure))),
    );
  const [savedRule, editedRule] = [ruleOf(saved), ruleOf(edited)];
  const wanted = wantedBy(id, { from, to }, savedRule, editedRule);
  const isByServer =
    savedRule === 'server' ||
    editedRule === 'server' ||
    (wanted !== undefined && readingsCount(wanted) > READINGS_AT_MOST);
  const { data: recording, error } = useQuery({
    ...readingsQuery(wanted ?? NOTHING_WANTED),
    enabled: wanted !== undefined && !isByServer,
    placeholderData: (before) => before,
  });
  const key = useRecorded(isByServer ? undefined : recording);
  const mine = useReplay(key, isRule(editedRule) ? editedRule : undefined);
  const theirs = useReplay(key, isRule(savedRule) ? savedRule : undefined);
  const simulated = useSimulated({ saved, edited, from, to, isAsked: isByServer });
  const failed = error === null ? undefined : wordsOf(error);
  return isByServer
    ? { ...simulated, from, to, isByServer }
    : {
        recording,
        saved: theirs.data,
        edited: mine.data,
        error: failed ?? mine.error ?? theirs.error,
        from,
        to,
        isByServer,
      };
}

type Ruled = ReturnType<typeof backtestRule>;
const isRule = (rule: Ruled): rule is BacktestRule => typeof rule === 'object';

const NOTHING_WANTED = { id: '', metrics: [], from: 0, to: 0, intervalSeconds: 1, longestSeconds: 0 };

/** Returns the readings of what is saved, as far back as the windows of either rule look. */
function wantedBy(id: string, span: { from: number; to: number }, saved: Ruled, edited: Ruled) {
  if (!isRule(saved)) return undefined;
  const rules = isRule(edited) ? [saved, edited] : [saved];
  const seconds = rules.flatMap(({ windows }) => windows.map(({ window }) => window.seconds));
  return {
    id,
    ...span,
    metrics: Object.keys(saved.definition.metrics),
    intervalSeconds: saved.definition.intervalSeconds,
    longestSeconds: Math.max(0, ...seconds),
  };
}

let recordings = 0;

/** Hands a recording to the engine. Returns its key once the engine has it. */
function useRecorded(recording: Recording | undefined): string | undefined {
  const [key, setKey] = useState<string>();
  useEffect(() => {
    if (recording === undefined) return;
    let isOver = false;
    const made = `${++recordings}`;
    void askEngine({ kind: 'record', key: made, recording }).then(() => {
      if (!isOver) setKey(made);
    });
    return () => {
      isOver = true;
      setKey(undefined);
    };
  }, [recording]);
  return key;
}

/** Replays a rule; while one replay runs, only the newest of the rules that came meanwhile is the next. */
function useReplay(
  key: string | undefined,
  rule: BacktestRule | undefined,
): { data?: Replayed; error?: string } {
  const [shown, show] = useState<{ data?: Replayed; error?: string }>({});
  const state = useRef<{ isBusy: boolean; next?: () => void }>({ isBusy: false });
  const text = rule === undefined ? undefined : JSON.stringify(rule);
  useEffect(() => {
    if (key === undefined || text === undefined) return;
    const ask = () => {
      state.current.isBusy = true;
      void askEngine<Replayed>({ kind: 'replay', key, rule: JSON.parse(text) as BacktestRule })
        .then(
          (data) => show({ data }),
          // What was replayed before stays to be seen.
          (error: Error) => show((before) => ({ ...before, error: error.message })),
        )
        .finally(() => {
          const { next } = state.current;
          state.current = { isBusy: false };
          next?.();
        });
    };
    if (state.current.isBusy) state.current.next = ask;
    else ask();
  }, [key, text]);
  return shown;
}

interface SimulatedProps {
  saved: JsonObject;
  edited: JsonObject;
  from: number;
  to: number;
  isAsked: boolean;
}

interface Simulation {
  triggers: { at: string }[];
  timeline: (Omit<Replayed['intervals'][number], 'from' | 'to'> & { from: string; to: string })[];
  summary: Replayed['summary'];
}

/** The same by the server, for rules that need more than the page has. */
function useSimulated({ saved, edited, from, to, isAsked }: SimulatedProps) {
  const simulate = async (definition: JsonObject): Promise<Replayed> => {
    const span = { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
    const { triggers, timeline, summary } = await answer<Simulation>(
      client.POST('/api/v1/simulations', { body: { service: definition, ...span } as never }),
    );
    return {
      triggers: triggers.map(({ at }) => Date.parse(at)),
      intervals: timeline.map((one) => ({ ...one, from: Date.parse(one.from), to: Date.parse(one.to) })),
      summary,
    };
  };
  const options = { refetchInterval: false, staleTime: Infinity, retry: false, enabled: isAsked } as const;
  const settled = useSettled(JSON.stringify(edited), 500);
  const before = useQuery({
    queryKey: ['backtest', 'simulated', from, JSON.stringify(saved)],
    queryFn: () => simulate(saved),
    ...options,
  });
  const after = useQuery({
    queryKey: ['backtest', 'simulated', from, settled],
    queryFn: () => simulate(JSON.parse(settled) as JsonObject),
    placeholderData: (shown: Replayed | undefined) => shown,
    ...options,
  });
  const failed = after.error ?? before.error;
  return {
    saved: before.data,
    edited: after.data,
    error: failed === null ? undefined : wordsOf(failed),
  };
}
