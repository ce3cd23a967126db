import { Controller } from '@nestjs/common';
import { definitionController } from '../api/definition.controller';
import { Needs } from '../auth/access';
import { MANAGED } from '../common/shapes';
import { InfrastructureDto, InfrastructuresQuery } from './infrastructure.dto';
import { Infrastructures } from './infrastructures';

@Controller('api/v1/infrastructures')
export class InfrastructuresController extends definitionController(
  'infrastructures',
  InfrastructureDto,
  Infrastructures,
  InfrastructuresQuery,
  { reads: Needs('viewer'), writes: Needs('editor') },
  { optional: MANAGED },
) {}
