import { Module } from '@nestjs/common';
import { Grants } from './grants';
import { Tokens } from './tokens';
import { Users } from './users';

@Module({ providers: [Users, Grants, Tokens], exports: [Users, Grants, Tokens] })
export class PeopleModule {}
