import { Module } from '@nestjs/common';
import { Counters } from './counters';
import { SampleWriter } from './sample-writer';
import { Samples } from './samples';

/** What was read and decided. */
@Module({ providers: [Counters, Samples, SampleWriter], exports: [Counters, Samples, SampleWriter] })
export class HistoryModule {}
