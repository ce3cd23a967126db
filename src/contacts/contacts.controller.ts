import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOperation, ApiQuery } from '@nestjs/swagger';
import { definitionController } from '../api/definition.controller';
import type { GivenQuery } from '../api/filters';
import { queryOf } from '../api/page-query';
import { Needs } from '../auth/access';
import { Answers, pageShape } from '../common/shapes';
import { ContactDto, ContactsQuery } from './contact.dto';
import { Contacts } from './contacts';
import { NOTICE, NoticesQuery, ShownNotices } from './shown-notices';

@Controller('api/v1/contacts')
export class ContactsController extends definitionController(
  'contacts',
  ContactDto,
  Contacts,
  ContactsQuery,
  {
    reads: Needs('viewer'),
    writes: Needs('admin'),
  },
) {
  constructor(private readonly notices: ShownNotices) {
    super();
  }

  @Get(':ref/notices')
  @Needs('viewer')
  @Answers(pageShape(NOTICE))
  @ApiOperation({
    summary: 'What it was told, what waits for what, and what was left out and why; newest first',
  })
  @ApiQuery({ type: NoticesQuery })
  noticesOf(@Param('ref') reference: string, @Query() given: GivenQuery) {
    return this.notices.of(reference, queryOf(NoticesQuery, given));
  }
}
