import { Controller } from '@nestjs/common';
import { versionController } from '../api/version.controller';
import { Services } from './services';

@Controller('api/v1/services/:ref/versions')
export class ServiceVersionsController extends versionController('services', Services) {}
