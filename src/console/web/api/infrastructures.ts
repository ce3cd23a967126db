import { queryOptions } from '@tanstack/react-query';
import { answer, client } from './client';
import type { Capacity } from './shapes';

/** Nodes there are and in flight. Counting asks the targets, so it is done now and then. */
export const capacityQuery = (ref: string) =>
  queryOptions({
    queryKey: ['infrastructures', ref, 'capacity'],
    queryFn: () =>
      answer<Capacity>(client.GET('/api/v1/infrastructures/{ref}/capacity', { params: { path: { ref } } })),
    refetchInterval: 30_000,
  });

export interface Seat {
  member: string;
  address?: string;
  node?: string;
  state: 'in' | 'down' | 'draining' | 'disabled' | 'foreign';
  drainUntil?: string;
}

export interface LoadBalancer {
  pool?: string;
  outcome?: string;
  since?: string;
  explanation?: string;
  error?: string;
  members: Seat[];
  changes: { at: string; member: string; change: string; why: string; outcome: string; error?: string }[];
  lastSyncAt?: string;
  nextSyncAt: string;
}

export const loadBalancerQuery = (ref: string) =>
  queryOptions({
    queryKey: ['infrastructures', ref, 'load-balancer'],
    queryFn: () =>
      answer<LoadBalancer>(
        client.GET('/api/v1/infrastructures/{ref}/load-balancer', { params: { path: { ref } } }),
      ),
  });
