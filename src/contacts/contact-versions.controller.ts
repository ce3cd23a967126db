import { Controller } from '@nestjs/common';
import { versionController } from '../api/version.controller';
import { Needs } from '../auth/access';
import { ContactDto } from './contact.dto';
import { Contacts } from './contacts';

@Controller('api/v1/contacts/:ref/versions')
export class ContactVersionsController extends versionController('contacts', ContactDto, Contacts, {
  reads: Needs('viewer'),
  writes: Needs('admin'),
}) {}
