import { Module } from '@nestjs/common';
import { LoadBalancersModule } from '../load-balancers/load-balancers.module';
import { MetricsModule } from '../metrics/metrics.module';
import { Infrastructures } from './infrastructures';

@Module({
  imports: [MetricsModule, LoadBalancersModule],
  providers: [Infrastructures],
  exports: [Infrastructures],
})
export class InfrastructuresModule {}
