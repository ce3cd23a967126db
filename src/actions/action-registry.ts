import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { MappingRegistry } from '../common/mapping-registry';
import { ActionMapping, type Action } from './action';
import { ACTION_MAPPINGS } from './mappings';

/** Every action mapping, by type. */
@Injectable()
export class ActionRegistry extends MappingRegistry<Action> {
  constructor(discovery: DiscoveryService) {
    super('action', discovery, ActionMapping, ACTION_MAPPINGS);
  }
}
