import { Module } from '@nestjs/common';
import { MetricsModule } from '../metrics/metrics.module';
import { Infrastructures } from './infrastructures';

@Module({ imports: [MetricsModule], providers: [Infrastructures], exports: [Infrastructures] })
export class InfrastructuresModule {}
