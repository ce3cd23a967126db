import { Controller } from '@nestjs/common';
import { versionController } from '../api/version.controller';
import { Needs } from '../auth/access';
import { ActionDto } from './action.dto';
import { Actions } from './actions';

@Controller('api/v1/actions/:ref/versions')
export class ActionVersionsController extends versionController('actions', ActionDto, Actions, {
  reads: Needs('viewer'),
  writes: Needs('editor'),
}) {}
