import { Controller } from '@nestjs/common';
import { versionController } from '../api/version.controller';
import { NeedsWhole } from '../auth/access';
import { SourceDto, Sources } from './sources';

@Controller('api/v1/sources/:ref/versions')
export class SourceVersionsController extends versionController('sources', SourceDto, Sources, {
  reads: NeedsWhole('viewer'),
  writes: NeedsWhole('admin'),
}) {}
