import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { MappingRegistry } from '../common/mapping-registry';
import { ALERT_FORMATS } from './formats';
import { AlertFormatMapping, type AlertFormat } from './formats/alert-format';

/** Alert formats by type. */
@Injectable()
export class FormatRegistry extends MappingRegistry<AlertFormat> {
  constructor(discovery: DiscoveryService) {
    super('alert format', discovery, AlertFormatMapping, ALERT_FORMATS);
  }
}
