import { DiscoveryService } from '@nestjs/core';
import type { MappingOptions } from '../../common/mapping-registry';
import type { Direction, Values } from '../engine/types';

/** A policy mapping: how many nodes a trigger asks for, before limits. Pure. */
export interface Policy<P = unknown> {
  wish(params: P, nodes: { effective: number; direction: Direction }, values: Values): number;
}

/** Marks a class as a policy mapping; list it in `rules/policies/index.ts`. */
export const PolicyMapping = DiscoveryService.createDecorator<MappingOptions>();
