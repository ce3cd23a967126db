/** How the program itself does: health and metrics, which are beside the API and not JSON of problems. */
import { queryOptions } from '@tanstack/react-query';
import { below } from '../app/base';
import { Problem, UNREACHABLE } from './problem';

export interface Check {
  status: 'up' | 'down';
  error?: string;
}

export interface Health {
  status: 'up' | 'degraded' | 'down';
  roles: string[];
  checks: Record<string, Check>;
}

const TIMEOUT_MS = 10_000;

const read = (path: string): Promise<Response> =>
  fetch(below(path), { signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(() => {
    throw new Problem(0, UNREACHABLE);
  });

/** 503 is an answer, too: it says what is down. */
export const healthQuery = queryOptions({
  queryKey: ['health'],
  queryFn: async () => {
    const response = await read('/health/ready');
    const health = (await response.json().catch(() => undefined)) as Health | undefined;
    if (health?.checks === undefined) throw new Problem(response.status, `HTTP ${response.status}`);
    return health;
  },
  refetchInterval: 3_000,
});

export interface Queue {
  name: string;
  /** State of jobs -> how many. */
  states: Record<string, number>;
}

export interface Queues {
  queues: Queue[];
  facts: { name: string; seconds: number }[];
}

/** Gauge in seconds -> what it says. */
const AGES: Record<string, string> = {
  monscale_polls_oldest_due_seconds: 'Oldest poll that is due',
  monscale_executions_oldest_due_seconds: 'Oldest execution that is due',
  monscale_samples_oldest_waiting_seconds: 'Oldest sample to be written',
};

/** Lengths of the queues and how old what waits is, from the metrics; they may be for others. */
export const queuesQuery = queryOptions({
  queryKey: ['queues'],
  queryFn: async (): Promise<Queues | 'not told'> => {
    const response = await read('/metrics');
    if (response.status === 401 || response.status === 403) return 'not told';
    if (!response.ok) throw new Problem(response.status, `HTTP ${response.status}`);
    return queuesIn(await response.text());
  },
  refetchInterval: 5_000,
});

/** Reads them in the text format of Prometheus. */
export function queuesIn(text: string): Queues {
  const queues = new Map<string, Queue>();
  const facts: Queues['facts'] = [];
  for (const line of text.split('\n')) {
    const [, metric = '', labels = '', value = ''] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    const age = AGES[metric];
    if (age !== undefined) facts.push({ name: age, seconds: Number(value) });
    if (metric !== 'monscale_queue_jobs') continue;
    const name = /queue="([^"]*)"/.exec(labels)?.[1] ?? '';
    const state = /state="([^"]*)"/.exec(labels)?.[1] ?? '';
    const queue = queues.get(name) ?? { name, states: {} };
    queue.states[state] = Number(value);
    queues.set(name, queue);
  }
  return { queues: [...queues.values()], facts };
}
