import { Controller, Get, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { plainQuery, type GivenQuery } from '../api/filters';
import { queryOf } from '../api/page-query';
import { Needs } from '../auth/access';
import { checked } from '../common/check';
import { ServiceList } from './service-list';
import { ServiceFilter, ServicesQuery } from './service-query';
import { Answers, MANAGED, mapOf, object, pageShape, shape, shownAs, whole } from '../common/shapes';
import { ServiceDto } from '../services/service.dto';
import { STATE } from './service-states';

/** Service as it is listed; its state where it is asked for. */
const LISTED = shownAs('ListedService', ServiceDto, { optional: { ...MANAGED, state: STATE } });
const COUNTS = shape(
  'ServiceCounts',
  object({ total: whole, phases: mapOf(whole), reasons: mapOf(whole), modes: mapOf(whole) }),
);

/** Lists and counts of services, over HTTP. */
@ApiTags('services')
@ApiBearerAuth()
@Controller('api/v1/services')
export class ServiceListController {
  constructor(private readonly list: ServiceList) {}

  @Get()
  @Needs('viewer')
  @ApiOperation({ summary: 'List services, by what they are and by their state now' })
  @ApiQuery({ type: ServicesQuery })
  @Answers(pageShape(LISTED))
  page(@Query() given: GivenQuery) {
    return this.list.page(queryOf(ServicesQuery, given));
  }

  @Get('counts')
  @Needs('viewer')
  @ApiOperation({ summary: 'How many services a filter selects, by phase, reason and mode' })
  @ApiQuery({ type: ServiceFilter })
  @Answers(COUNTS)
  counts(@Query() given: GivenQuery) {
    return this.list.counts(checked(ServiceFilter, plainQuery(ServiceFilter, given)));
  }
}
