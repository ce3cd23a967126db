/** Answers about alerts and sources. */
import { queryOptions } from '@tanstack/react-query';
import { answer, client } from './client';
import type { Stored } from './shapes';

export interface Match {
  service: string;
  metric: string;
}

export interface Alert {
  id: string;
  source: string;
  format: string;
  dedupKey: string;
  status: 'firing' | 'resolved';
  value?: number;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  at: string;
  receivedAt: string;
  lastSeenAt: string;
  matched: Match[];
  executions: string[];
}

export interface Source extends Stored {
  name: string;
  format: string;
  params: Record<string, unknown>;
  silentAfterSeconds?: number;
  services?: string[];
  labels?: Record<string, string>;
  addLabels?: Record<string, string>;
  /** Told once, when it is made. */
  token?: string;
  lastSeenAt?: string;
  alertsPerMinute?: number;
  warnings?: (string | { detail: string })[];
}

export interface Payload {
  at: string;
  format: string;
  status: number;
  payload: unknown;
  alertCount: number;
  errors: { index?: number; pointer?: string; detail: string }[];
  notes: { detail: string }[];
  alerts: {
    id: string;
    dedupKey: string;
    status: string;
    labels: Record<string, string>;
    matched: Match[];
  }[];
}

export interface Refused {
  address: string;
  reason: string;
  count: number;
  firstAt: string;
  lastAt: string;
  engineId?: string;
}

export interface Mib {
  name: string;
  builtIn: boolean;
  names: number;
  unresolved: number;
  missing?: string[];
  skipped?: number;
}

export const recentQuery = (ref: string) =>
  queryOptions({
    queryKey: ['sources', ref, 'recent'],
    queryFn: () =>
      answer<{ items: Payload[] }>(client.GET('/api/v1/sources/{ref}/recent', { params: { path: { ref } } })),
  });

export const refusedQuery = (ref: string) =>
  queryOptions({
    queryKey: ['sources', ref, 'refused'],
    queryFn: () =>
      answer<{ items: Refused[] }>(
        client.GET('/api/v1/sources/{ref}/refused', { params: { path: { ref } } }),
      ),
  });

export const mibsQuery = queryOptions({
  queryKey: ['mibs'],
  queryFn: () => answer<{ items: Mib[] }>(client.GET('/api/v1/mibs')),
  refetchInterval: 60_000,
});
