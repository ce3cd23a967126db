import { Controller } from '@nestjs/common';
import { bulkController, LabelsChange } from '../api/bulk.controller';
import { Needs } from '../auth/access';
import { InfrastructureFilter } from './infrastructure.dto';
import { Infrastructures } from './infrastructures';

@Controller('api/v1/infrastructures/bulk')
export class InfrastructuresBulkController extends bulkController({
  name: 'infrastructures',
  definitions: Infrastructures,
  filter: InfrastructureFilter,
  change: LabelsChange,
  writes: Needs('editor'),
}) {}
