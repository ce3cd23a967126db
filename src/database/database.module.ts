import { Global, Module } from '@nestjs/common';
import { ClockSync } from './clock-sync';
import { Database } from './database';
import { SignOfLife } from './sign-of-life';

@Global()
@Module({ providers: [Database, ClockSync, SignOfLife], exports: [Database, ClockSync, SignOfLife] })
export class DatabaseModule {}
