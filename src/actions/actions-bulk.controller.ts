import { Controller } from '@nestjs/common';
import { bulkController, LabelsChange } from '../api/bulk.controller';
import { Needs } from '../auth/access';
import { ActionFilter } from './action.dto';
import { Actions } from './actions';

@Controller('api/v1/actions/bulk')
export class ActionsBulkController extends bulkController({
  name: 'actions',
  definitions: Actions,
  filter: ActionFilter,
  change: LabelsChange,
  writes: Needs('editor'),
}) {}
