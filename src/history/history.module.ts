import { Module } from '@nestjs/common';
import { Counters } from './counters';
import { SampleWriter } from './sample-writer';
import { Samples } from './samples';

/** Module of samples. */
@Module({ providers: [Counters, Samples, SampleWriter], exports: [Counters, Samples, SampleWriter] })
export class HistoryModule {}
