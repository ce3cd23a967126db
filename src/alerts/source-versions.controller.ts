import { Controller } from '@nestjs/common';
import { versionController } from '../api/version.controller';
import { Sources } from './sources';

@Controller('api/v1/sources/:ref/versions')
export class SourceVersionsController extends versionController('sources', Sources) {}
