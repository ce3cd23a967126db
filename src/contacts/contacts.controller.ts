import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiQuery } from '@nestjs/swagger';
import { definitionController } from '../api/definition.controller';
import type { GivenQuery } from '../api/filters';
import { queryOf } from '../api/page-query';
import { Needs } from '../auth/access';
import { ChangesNothing } from '../common/changes-nothing';
import { checked } from '../common/check';
import { Nested } from '../common/fields';
import { Answers, list, MANAGED, moment, object, pageShape, shape } from '../common/shapes';
import { ScheduleDto } from '../silences/silence.dto';
import { ContactDto, ContactsQuery } from './contact.dto';
import { Contacts } from './contacts';
import { NOTICE, NoticesQuery, ShownNotices } from './shown-notices';

class ContactPreviewDto {
  @Nested(() => ScheduleDto, { description: 'Schedule as the contact would have it' })
  schedule: ScheduleDto;
}

const PREVIEW = shape('ContactPreview', object({ nextWindows: list(object({ from: moment, to: moment })) }));

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
  { optional: MANAGED },
) {
  constructor(
    private readonly notices: ShownNotices,
    private readonly contacts: Contacts,
  ) {
    super();
  }

  @Post('preview')
  @Needs('viewer')
  @ChangesNothing()
  @HttpCode(200)
  @ApiBody({ type: ContactPreviewDto })
  @ApiOperation({ summary: 'Next windows of a schedule, as a contact with it would have them' })
  @Answers(PREVIEW)
  preview(@Body() body: unknown) {
    return { nextWindows: this.contacts.windowsOf(checked(ContactPreviewDto, body).schedule) };
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
