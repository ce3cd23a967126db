import { Module } from '@nestjs/common';
import { AlertsModule } from '../alerts/alerts.module';
import { EngineStore } from '../snmp/engine-store';
import { Mibs } from './mibs';
import { Refusals } from './refusals';

/** Module of SNMP notifications: refusals, engines and MIBs. */
@Module({
  imports: [AlertsModule],
  providers: [Refusals, EngineStore, Mibs],
  exports: [Refusals, EngineStore, Mibs],
})
export class TrapsModule {}
