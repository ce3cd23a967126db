import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import { momentOf, RangeQuery } from '../api/range-query';
import { checked } from '../common/check';
import { ServiceStates } from './service-states';

/** Why a service is as it is, and was as it was. */
@ApiTags('services')
@ApiBearerAuth()
@Controller('api/v1/services/:ref')
export class ServiceStatesController {
  constructor(private readonly states: ServiceStates) {}

  @Get('state')
  @ApiOperation({ summary: 'Phase, reason and explanation, with the numbers' })
  state(@Param('ref') reference: string) {
    return this.states.state(reference);
  }

  @Get('decisions')
  @ApiOperation({ summary: 'The ledger, newest first: one entry per stretch of the same phase and reason' })
  @ApiQuery({ type: RangeQuery })
  decisions(@Param('ref') reference: string, @Query() query: Record<string, string>) {
    const { from, to, limit, cursor } = checked(RangeQuery, RangeQuery.numbers(query));
    return this.states.decisions(reference, { from: momentOf(from), to: momentOf(to), limit, cursor });
  }

  @Post('evaluate')
  @HttpCode(200)
  @ApiOperation({ summary: 'Reads every metric now and says what the rule would, without acting or storing' })
  evaluate(@Param('ref') reference: string) {
    return this.states.evaluate(reference);
  }

  @Post('end-wisdom')
  @HttpCode(200)
  @ApiOperation({ summary: 'Ends a wisdom time early; the ledger records it' })
  endWisdom(@Param('ref') reference: string) {
    return this.states.endWisdom(reference);
  }
}
