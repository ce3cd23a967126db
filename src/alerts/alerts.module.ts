import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Addressees } from './addressees';
import { AlertValues } from './alert-values';
import { FormatRegistry } from './format-registry';
import { ALERT_FORMATS } from './formats';
import { Intake } from './intake';
import { Sources } from './sources';
import { Subscriptions } from './subscriptions';

/** What others say. */
@Module({
  imports: [DiscoveryModule],
  providers: [...ALERT_FORMATS, FormatRegistry, Sources, Addressees, Intake, Subscriptions, AlertValues],
  exports: [FormatRegistry, Sources, Addressees, Intake, Subscriptions, AlertValues],
})
export class AlertsModule {}
