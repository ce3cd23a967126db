import { Module } from '@nestjs/common';
import { Samples } from './samples';

/** What was read and decided. */
@Module({ providers: [Samples], exports: [Samples] })
export class HistoryModule {}
