import { Module } from '@nestjs/common';
import { TransferModule } from '../transfer/transfer.module';
import { DirectoryReport } from './directory-report';
import { DirectoryStates } from './directory-state';
import { Drifts } from './drifts';

/** Module of rules that are kept in a folder. */
@Module({
  imports: [TransferModule],
  providers: [DirectoryStates, Drifts, DirectoryReport],
  exports: [DirectoryStates, Drifts, DirectoryReport, TransferModule],
})
export class RulesDirectoryModule {}
