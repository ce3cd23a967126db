import { Controller } from '@nestjs/common';
import { versionController } from '../api/version.controller';
import { Actions } from './actions';

@Controller('api/v1/actions/:ref/versions')
export class ActionVersionsController extends versionController('actions', Actions) {}
