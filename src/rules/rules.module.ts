import { Module } from '@nestjs/common';
import { AlertsModule } from '../alerts/alerts.module';
import { HistoryModule } from '../history/history.module';
import { MetricsModule } from '../metrics/metrics.module';
import { Evaluator } from './evaluator';
import { Ledger } from './ledger';
import { Observer } from './observer';
import { PoliciesModule } from './policies/policies.module';
import { RuleBook } from './rule-book';

/** What is decided. */
@Module({
  imports: [MetricsModule, AlertsModule, HistoryModule, PoliciesModule],
  providers: [RuleBook, Observer, Evaluator, Ledger],
  exports: [RuleBook, Observer, Evaluator, Ledger],
})
export class RulesModule {}
