import { Controller } from '@nestjs/common';
import { versionController } from '../api/version.controller';
import { Needs } from '../auth/access';
import { InfrastructureDto } from './infrastructure.dto';
import { Infrastructures } from './infrastructures';

@Controller('api/v1/infrastructures/:ref/versions')
export class InfrastructureVersionsController extends versionController(
  'infrastructures',
  InfrastructureDto,
  Infrastructures,
  {
    reads: Needs('viewer'),
    writes: Needs('editor'),
  },
) {}
