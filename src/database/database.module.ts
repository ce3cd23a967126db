import { Global, Module } from '@nestjs/common';
import { Audit } from './audit';
import { ClockSync } from './clock-sync';
import { Database } from './database';
import { SignOfLife } from './sign-of-life';

@Global()
@Module({
  providers: [Database, ClockSync, SignOfLife, Audit],
  exports: [Database, ClockSync, SignOfLife, Audit],
})
export class DatabaseModule {}
