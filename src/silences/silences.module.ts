import { Module } from '@nestjs/common';
import { InfrastructuresModule } from '../infrastructures/infrastructures.module';
import { ServicesModule } from '../services/services.module';
import { SilenceBook } from './silence-book';
import { SilencePreview } from './silence-preview';
import { Silences } from './silences';

/** Module of silences. */
@Module({
  imports: [ServicesModule, InfrastructuresModule],
  providers: [SilenceBook, Silences, SilencePreview],
  exports: [SilenceBook, Silences, SilencePreview],
})
export class SilencesModule {}
