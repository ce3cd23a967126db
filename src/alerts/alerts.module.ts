import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { Addressees } from './addressees';
import { AlertHandover } from './alert-handover';
import { AlertValues } from './alert-values';
import { FormatRegistry } from './format-registry';
import { ALERT_FORMATS } from './formats';
import { Intake } from './intake';
import { SnsWeb } from './formats/sns-web';
import { Receipts } from './receipts';
import { Reception } from './reception';
import { Sources } from './sources';
import { Subscriptions } from './subscriptions';
import { TakenMessages } from './taken-messages';
import { EngineStore } from './traps/engine-store';
import { Mibs } from './traps/mibs';
import { Refusals } from './traps/refusals';

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
    AlertHandover,
    Reception,
    Subscriptions,
    TakenMessages,
    AlertValues,
    Refusals,
    EngineStore,
    Mibs,
  ],
  exports: [
    FormatRegistry,
    Sources,
    Addressees,
    Receipts,
    Intake,
    AlertHandover,
    Reception,
    Subscriptions,
    AlertValues,
    Refusals,
    EngineStore,
    Mibs,
  ],
})
export class AlertsModule {}
