import { Global, Module } from '@nestjs/common';
import { Sessions } from '../auth/sessions';
import { IdentityProvider } from './identity-provider';
import { Oidc } from './oidc';
import { OidcUsers } from './oidc-users';
import { OwnPassword } from './own-password';
import { PasswordCheck } from './password-check';
import { SignIn } from './sign-in';
import { SignInDoor } from './sign-in-door';
import { SignInLimits } from './sign-in-limits';
import { UserSessions } from './user-sessions';
import { Whoami } from './whoami';

/** Module of signing in: who sends a cookie is found out here, for every request. */
@Global()
@Module({
  providers: [
    UserSessions,
    { provide: Sessions, useExisting: UserSessions },
    SignInLimits,
    PasswordCheck,
    SignIn,
    SignInDoor,
    OwnPassword,
    Whoami,
    IdentityProvider,
    OidcUsers,
    Oidc,
  ],
  exports: [UserSessions, Sessions, SignInLimits, SignIn, SignInDoor, OwnPassword, Whoami, OidcUsers, Oidc],
})
export class SigningInModule {}
