import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { GivenQuery } from '../api/filters';
import { queryOf } from '../api/page-query';
import { momentOf, momentProblem } from '../api/range-query';
import { Needs } from '../auth/access';
import { checked } from '../common/check';
import { Decimal, Text } from '../common/fields';
import { DECISION, Decisions, DecisionsQuery, REPORT, WHY } from './decisions';
import { DEPENDENCIES, ServicePairs } from './service-pairs';
import { ServiceStates, STATE } from './service-states';
import { Answers, AnswersNothing, pageShape } from '../common/shapes';

class WhyQuery {
  @Text({ description: 'The moment (RFC 3339); by default now', optional: true, check: momentProblem })
  at?: string;
}

class AcknowledgeDto {
  @Text({ description: 'What is known, or done about it', minLength: 1, maxLength: 1_000 })
  note: string;

  @Decimal({ description: 'Until it is told again, if it lasts', unit: 's', minimum: 1, maximum: 2_592_000 })
  forSeconds = 14_400;
}

class ReportQuery {
  @Decimal({ description: 'How far back from now', unit: 'days', minimum: 0.01, maximum: 366 })
  days = 7;
}

/** State of a service, now and earlier, with explanations, over HTTP. */
@ApiTags('services')
@ApiBearerAuth()
@Controller('api/v1/services/:ref')
export class ServiceStatesController {
  constructor(
    private readonly states: ServiceStates,
    private readonly ledger: Decisions,
    private readonly pairs: ServicePairs,
  ) {}

  @Get('state')
  @Needs('viewer')
  @ApiOperation({ summary: 'Phase, reason and explanation, with the numbers' })
  @Answers(STATE)
  state(@Param('ref') reference: string) {
    return this.states.state(reference);
  }

  @Get('decisions')
  @Needs('viewer')
  @ApiOperation({ summary: 'The ledger, newest first: one entry per interval of the same phase and reason' })
  @ApiQuery({ type: DecisionsQuery })
  @Answers(pageShape(DECISION))
  decisions(@Param('ref') reference: string, @Query() query: GivenQuery) {
    return this.ledger.list(reference, queryOf(DecisionsQuery, query));
  }

  @Get('why')
  @Needs('viewer')
  @ApiOperation({
    summary:
      'Why it was as it was at a moment: the condition with its values, what stopped it, what would have to change',
  })
  @ApiQuery({ type: WhyQuery })
  @Answers(WHY)
  why(@Param('ref') reference: string, @Query() query: Record<string, string>) {
    return this.ledger.why(reference, momentOf(checked(WhyQuery, query).at));
  }

  @Get('report')
  @Needs('viewer')
  @ApiOperation({
    summary: 'What it came to over some days: triggers, time in alarm, at the limit, in missing data',
  })
  @ApiQuery({ type: ReportQuery })
  @Answers(REPORT)
  report(@Param('ref') reference: string, @Query() query: Record<string, string>) {
    const { days } = checked(
      ReportQuery,
      query.days === undefined ? {} : { ...query, days: Number(query.days) },
    );
    return this.ledger.report(reference, days);
  }

  @Post('evaluate')
  @Needs('operator')
  @HttpCode(200)
  @ApiOperation({ summary: 'Reads every metric now and says what the rule would, without acting or storing' })
  @Answers(STATE)
  evaluate(@Param('ref') reference: string) {
    return this.states.evaluate(reference);
  }

  @Get('dependencies')
  @Needs('viewer')
  @ApiOperation({ summary: 'Which services it depends on, which depend on it, and what pairs with none' })
  @Answers(DEPENDENCIES)
  dependencies(@Param('ref') reference: string) {
    return this.pairs.of(reference);
  }

  @Post('acknowledge')
  @Needs('operator')
  @HttpCode(200)
  @ApiBody({ type: AcknowledgeDto })
  @ApiOperation({
    summary: 'Acknowledges an alarm: its further steps wait; scaling goes on; 409 when it is not in alarm',
  })
  @Answers(STATE)
  async acknowledge(@Param('ref') reference: string, @Body() body: unknown) {
    // What a caller can't see is not there, whatever the body says.
    await this.states.state(reference);
    const { note, forSeconds } = checked(AcknowledgeDto, body);
    return this.states.acknowledge(reference, note, forSeconds);
  }

  @Delete('acknowledge')
  @Needs('operator')
  @HttpCode(204)
  @ApiOperation({ summary: 'Ends an acknowledgement' })
  @AnswersNothing()
  endAcknowledgement(@Param('ref') reference: string) {
    return this.states.endAcknowledgement(reference);
  }

  @Post('end-wisdom')
  @Needs('operator')
  @HttpCode(200)
  @ApiOperation({ summary: 'Ends a wisdom time early; the ledger records it' })
  @Answers(STATE)
  endWisdom(@Param('ref') reference: string) {
    return this.states.endWisdom(reference);
  }
}
