import { queryOptions } from '@tanstack/react-query';
import { answer, client } from './client';
import type { Capacity, Shape } from './shapes';

/** Nodes there are and in flight. Counting asks the targets, so it is done now and then. */
export const capacityQuery = (ref: string) =>
  queryOptions({
    queryKey: ['infrastructures', ref, 'capacity'],
    queryFn: () =>
      answer<Capacity>(client.GET('/api/v1/infrastructures/{ref}/capacity', { params: { path: { ref } } })),
    refetchInterval: 30_000,
  });

export type LoadBalancer = Shape<'LoadBalancer'>;
export type Seat = LoadBalancer['members'][number];

export const loadBalancerQuery = (ref: string) =>
  queryOptions({
    queryKey: ['infrastructures', ref, 'load-balancer'],
    queryFn: () =>
      answer<LoadBalancer>(
        client.GET('/api/v1/infrastructures/{ref}/load-balancer', { params: { path: { ref } } }),
      ),
  });
