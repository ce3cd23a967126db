import { Module } from '@nestjs/common';
import { ActionsModule } from '../actions/actions.module';
import { InfrastructuresModule } from '../infrastructures/infrastructures.module';
import { MetricsModule } from '../metrics/metrics.module';
import { PoliciesModule } from '../policies/policies.module';
import { Services } from './services';

@Module({
  imports: [MetricsModule, PoliciesModule, InfrastructuresModule, ActionsModule],
  providers: [Services],
  exports: [Services],
})
export class ServicesModule {}
