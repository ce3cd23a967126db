import { DiscoveryService } from '@nestjs/core';
import type { FieldError } from '../common/errors';
import type { MappingOptions } from '../common/mapping-registry';
import type { Direction, Values } from '../engine/types';

/** A policy mapping: works out how many nodes a trigger asks for, before limits. Pure. */
export interface Policy<P = unknown> {
  /** Returns the number of nodes there should be; undefined when a value it depends on is missing. */
  wish(params: P, nodes: { effective: number; direction: Direction }, values: Values): number | undefined;

  /**
   * Returns what is wrong with params that are valid by themselves, for a service with these metrics. Pointers lie
   * below params.
   */
  problems?(params: P, service: { metrics: readonly string[] }): FieldError[];
}

/** Marks a class as a policy mapping; list it in `policies/index.ts`. */
export const PolicyMapping = DiscoveryService.createDecorator<MappingOptions>();
