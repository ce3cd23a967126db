import { Module } from '@nestjs/common';
import { ActionsModule } from '../actions/actions.module';
import { SilencesModule } from '../silences/silences.module';
import { Contacts } from './contacts';
import { Messages } from './messages';
import { Mutes } from './mutes';
import { Notices } from './notices';
import { ShownNotices } from './shown-notices';

/** Module of contacts. */
@Module({
  imports: [ActionsModule, SilencesModule],
  providers: [Contacts, Messages, Mutes, Notices, ShownNotices],
  exports: [Contacts, Messages, Notices, ShownNotices],
})
export class ContactsModule {}
