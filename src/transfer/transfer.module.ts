import { Module } from '@nestjs/common';
import { ActionsModule } from '../actions/actions.module';
import { AlertsModule } from '../alerts/alerts.module';
import { ContactsModule } from '../contacts/contacts.module';
import { InfrastructuresModule } from '../infrastructures/infrastructures.module';
import { MetricsModule } from '../metrics/metrics.module';
import { ServicesModule } from '../services/services.module';
import { Export } from './export';
import { Import } from './import';
import { Ownership } from './ownership';
import { Rooms } from './rooms';

/** Module of export and import. */
@Module({
  imports: [
    InfrastructuresModule,
    ActionsModule,
    ServicesModule,
    AlertsModule,
    MetricsModule,
    ContactsModule,
  ],
  providers: [Rooms, Export, Import, Ownership],
  exports: [Rooms, Export, Import, Ownership],
})
export class TransferModule {}
