import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ServiceLookup } from './service-lookup';
import { LocalAlertDispatch } from './local-alert-dispatch';
import { AlertValues } from './alert-values';
import { FormatRegistry } from './format-registry';
import { ALERT_FORMATS } from './formats';
import { AlertIngest } from './alert-ingest';
import { SnsWeb } from './formats/sns-web';
import { SourceActivity } from './source-activity';
import { AlertReceiver } from './alert-receiver';
import { Sources } from './sources';
import { Subscriptions } from './subscriptions';
import { TakenMessages } from './taken-messages';

/** Module of alerts: formats, sources, intake. */
@Module({
  imports: [DiscoveryModule],
  providers: [
    ...ALERT_FORMATS,
    SnsWeb,
    FormatRegistry,
    Sources,
    ServiceLookup,
    SourceActivity,
    AlertIngest,
    LocalAlertDispatch,
    AlertReceiver,
    Subscriptions,
    TakenMessages,
    AlertValues,
  ],
  exports: [
    FormatRegistry,
    Sources,
    ServiceLookup,
    SourceActivity,
    AlertIngest,
    LocalAlertDispatch,
    AlertReceiver,
    Subscriptions,
    AlertValues,
  ],
})
export class AlertsModule {}
