import { Module } from '@nestjs/common';
import { AlertsModule } from '../alerts/alerts.module';
import { HistoryModule } from '../history/history.module';
import { PollingModule } from '../polling/polling.module';
import { AlertEvaluation } from './alert-evaluation';
import { Announcer } from './announcer';
import { DueServices } from './due-services';
import { Evaluator } from './evaluator';
import { FeedingAlerts } from './feeding-alerts';
import { Ledger } from './ledger';
import { Observer } from './observer';
import { SilencesModule } from '../silences/silences.module';
import { PoliciesModule } from '../policies/policies.module';
import { PolledServiceCache } from './polled-service-cache';
import { PushedSamples } from './pushed-samples';
import { RuleCompiler } from './rule-compiler';
import { ServiceLoader } from './service-loader';
import { Unpolled } from './unpolled';

/** Module of the rules: observing, evaluating, deciding. */
@Module({
  imports: [PollingModule, AlertsModule, HistoryModule, PoliciesModule, SilencesModule],
  providers: [
    RuleCompiler,
    ServiceLoader,
    PolledServiceCache,
    Observer,
    AlertEvaluation,
    DueServices,
    Evaluator,
    FeedingAlerts,
    Announcer,
    Ledger,
    Unpolled,
    PushedSamples,
  ],
  exports: [
    AlertEvaluation,
    DueServices,
    RuleCompiler,
    ServiceLoader,
    PolledServiceCache,
    Observer,
    Evaluator,
    FeedingAlerts,
    Announcer,
    Ledger,
    Unpolled,
    PushedSamples,
  ],
})
export class RulesModule {}
