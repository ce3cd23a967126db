import { Controller } from '@nestjs/common';
import { definitionController } from '../api/definition.controller';
import { ActionDto } from './action.dto';
import { Actions } from './actions';

@Controller('api/v1/actions')
export class ActionsController extends definitionController('actions', ActionDto, Actions) {}
