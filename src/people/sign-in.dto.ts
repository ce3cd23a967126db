import { Text } from '../common/fields';

export class SignInDto {
  @Text({ description: 'Name of the user', minLength: 1, maxLength: 200 })
  username: string;

  @Text({ description: 'Password', minLength: 1, maxLength: 2_048 })
  password: string;
}
