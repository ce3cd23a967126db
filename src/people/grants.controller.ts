import { Controller } from '@nestjs/common';
import { definitionController } from '../api/definition.controller';
import { NeedsWhole } from '../auth/access';
import { GrantDto, Grants, GrantsQuery } from './grants';

@Controller('api/v1/grants')
export class GrantsController extends definitionController('grants', GrantDto, Grants, GrantsQuery, {
  reads: NeedsWhole('admin'),
  writes: NeedsWhole('admin'),
}) {}
