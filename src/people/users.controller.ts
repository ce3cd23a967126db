import { Controller } from '@nestjs/common';
import { definitionController } from '../api/definition.controller';
import { NeedsWhole } from '../auth/access';
import { UserDto, Users, UsersQuery } from './users';
import { moment } from '../common/shapes';

@Controller('api/v1/users')
export class UsersController extends definitionController(
  'users',
  UserDto,
  Users,
  UsersQuery,
  {
    reads: NeedsWhole('admin'),
    writes: NeedsWhole('admin'),
  },
  {
    optional: { lastSignInAt: moment },
    without: ['password'],
  },
) {}
