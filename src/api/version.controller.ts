import { Get, Headers, HttpCode, Inject, Param, Post, Query, Res, type Type } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiOperation, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { checked } from '../common/check';
import { InvalidInput } from '../common/errors';
import { Text, Whole } from '../common/fields';
import { expectedVersion, tagged, type DefinitionAccess, type Resource } from './definition.controller';
import type { Versions } from './versioned-definitions';
import { Answers, pageShape, shownOf } from '../common/shapes';
import { DIFFERENCE, VERSION, VERSION_WHOLE } from './versioned-definitions';

const LATEST_AT_MOST = 2_147_483_647;

class VersionsQuery {
  @Whole({ description: 'How many to answer at most', minimum: 1, maximum: 500 })
  limit = 50;

  @Text({
    description: 'Where to go on: `nextCursor` of the page before',
    optional: true,
    pattern: /^\d{1,9}$/,
    patternHint: 'must be a nextCursor that was answered before',
  })
  cursor?: string;
}

class DifferenceQuery {
  @Whole({
    description: 'Version to compare it with; by default the newest',
    optional: true,
    minimum: 1,
    maximum: LATEST_AT_MOST,
  })
  to?: number;
}

/** Returns a controller with the routes of the versions of one kind of definition. */
export function versionController(
  name: string,
  dto: Type<object>,
  definitions: Type<Versions>,
  { reads, writes }: DefinitionAccess,
): Type {
  @ApiTags(name)
  @ApiBearerAuth()
  abstract class VersionController {
    @Inject(definitions) readonly definitions: Versions;

    @Get()
    @reads
    @ApiOperation({ summary: 'Versions, newest first: who made each, when, and what it changed' })
    @ApiQuery({ type: VersionsQuery })
    @Answers(pageShape(VERSION))
    list(@Param('ref') reference: string, @Query() query: Record<string, string>) {
      const { limit, cursor } = checked(VersionsQuery, withNumber(query, 'limit'));
      return this.definitions.versions(reference, limit, cursor === undefined ? undefined : Number(cursor));
    }

    @Get(':n')
    @reads
    @ApiOperation({ summary: 'What it was in one version; secrets are masked' })
    @Answers(VERSION_WHOLE)
    get(@Param('ref') reference: string, @Param('n') version: string) {
      return this.definitions.version(reference, numberOf(version));
    }

    @Get(':n/difference')
    @reads
    @ApiOperation({ summary: 'What another version has otherwise than this one, field by field' })
    @ApiQuery({ type: DifferenceQuery })
    @Answers(DIFFERENCE)
    difference(
      @Param('ref') reference: string,
      @Param('n') version: string,
      @Query() query: Record<string, string>,
    ) {
      const { to } = checked(DifferenceQuery, withNumber(query, 'to'));
      return this.definitions.difference(reference, numberOf(version), to);
    }

    @Post(':n/restore')
    @writes
    @HttpCode(200)
    @ApiHeader({
      name: 'If-Match',
      required: false,
      description: 'The ETag that was read; 412 when it is not the newest',
    })
    @ApiQuery({
      name: 'force',
      required: false,
      enum: ['true', 'false'],
      description: 'true: also where the rules directory manages it, until its files change next; else 409',
    })
    @ApiOperation({
      summary: 'Make it what it was in this version: a new version, checked like any other',
    })
    @Answers(shownOf(dto))
    async restore(
      @Param('ref') reference: string,
      @Param('n') version: string,
      @Headers('if-match') match: string | undefined,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<Resource> {
      const expected = await expectedVersion(match, () => this.definitions.get(reference));
      return tagged(reply, await this.definitions.restore(reference, numberOf(version), expected));
    }
  }
  return VersionController as unknown as Type;
}

/** Returns a query with a number, which arrives as a text, as a number. */
const withNumber = (query: Record<string, string>, name: string): Record<string, unknown> =>
  query[name] === undefined ? query : { ...query, [name]: Number(query[name]) };

/** @throws InvalidInput when it is no number of a version */
function numberOf(text: string): number {
  const isNumber = /^\d{1,10}$/.test(text) && Number(text) >= 1 && Number(text) <= LATEST_AT_MOST;
  if (isNumber) return Number(text);
  throw new InvalidInput([{ pointer: '/n', detail: `${JSON.stringify(text)} is no number of a version` }]);
}
