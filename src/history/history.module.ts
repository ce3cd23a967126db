import { Module } from '@nestjs/common';
import { SampleWriter } from './sample-writer';
import { Samples } from './samples';

/** What was read and decided. */
@Module({ providers: [Samples, SampleWriter], exports: [Samples, SampleWriter] })
export class HistoryModule {}
