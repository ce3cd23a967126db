import { Controller } from '@nestjs/common';
import { definitionController } from '../api/definition.controller';
import { Needs } from '../auth/access';
import { MANAGED } from '../common/shapes';
import { ServiceDto } from './service.dto';
import { Services } from './services';

@Controller('api/v1/services')
export class ServicesController extends definitionController(
  'services',
  ServiceDto,
  Services,
  undefined,
  { reads: Needs('viewer'), writes: Needs('editor') },
  { optional: MANAGED },
) {}
