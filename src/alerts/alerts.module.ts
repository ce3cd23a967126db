import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Addressees } from './addressees';
import { AlertValues } from './alert-values';
import { FormatRegistry } from './format-registry';
import { ALERT_FORMATS } from './formats';
import { Intake } from './intake';
import { SnsWeb } from './formats/sns-web';
import { Receipts } from './receipts';
import { Reception } from './reception';
import { Sources } from './sources';
import { Subscriptions } from './subscriptions';

/** What others say. */
@Module({
  imports: [DiscoveryModule],
  providers: [
    ...ALERT_FORMATS,
    SnsWeb,
    FormatRegistry,
    Sources,
    Addressees,
    Receipts,
    Intake,
    Reception,
    Subscriptions,
    AlertValues,
  ],
  exports: [FormatRegistry, Sources, Addressees, Receipts, Intake, Reception, Subscriptions, AlertValues],
})
export class AlertsModule {}
