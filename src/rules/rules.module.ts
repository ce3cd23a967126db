import { Module } from '@nestjs/common';
import { AlertsModule } from '../alerts/alerts.module';
import { HistoryModule } from '../history/history.module';
import { MetricsModule } from '../metrics/metrics.module';
import { Evaluator } from './evaluator';
import { Ledger } from './ledger';
import { Observer } from './observer';
import { PoliciesModule } from './policies/policies.module';
import { Roster } from './roster';
import { RuleBook } from './rule-book';

/** What is decided. */
@Module({
  imports: [MetricsModule, AlertsModule, HistoryModule, PoliciesModule],
  providers: [RuleBook, Roster, Observer, Evaluator, Ledger],
  exports: [RuleBook, Roster, Observer, Evaluator, Ledger],
})
export class RulesModule {}
