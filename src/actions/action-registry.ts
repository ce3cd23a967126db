import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { MappingRegistry } from '../common/mapping-registry';
import { ActionMapping, type Action, type ActionMappingOptions } from './action';
import { ACTION_MAPPINGS } from './mappings';

/** Registry of all action mappings, by type. */
@Injectable()
export class ActionRegistry extends MappingRegistry<Action, ActionMappingOptions> {
  constructor(discovery: DiscoveryService) {
    super('action', discovery, ActionMapping, ACTION_MAPPINGS);
  }
}
