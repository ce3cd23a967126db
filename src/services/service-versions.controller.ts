import { Controller } from '@nestjs/common';
import { versionController } from '../api/version.controller';
import { Needs } from '../auth/access';
import { ServiceDto } from './service.dto';
import { Services } from './services';

@Controller('api/v1/services/:ref/versions')
export class ServiceVersionsController extends versionController('services', ServiceDto, Services, {
  reads: Needs('viewer'),
  writes: Needs('editor'),
}) {}
