import {
  applyDecorators,
  Body,
  Delete,
  Get,
  Headers,
  HttpCode,
  Inject,
  Param,
  Patch,
  Post,
  Put,
  Query,
  Res,
  type Type,
} from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiBody,
  ApiConsumes,
  ApiHeader,
  ApiOperation,
  ApiQuery,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { InvalidInput, VersionMismatch } from '../common/errors';
import { isObject } from '../common/json';
import type { Page } from '../database/pages';
import type { GivenQuery } from './filters';
import { queryOf, type PageQuery } from './page-query';
import { mergePatch } from './merge-patch';
import { Answers, AnswersNothing, pageShape, shownAs, shownName, type Beside } from '../common/shapes';

/** Resource as the API shows it. */
export interface Resource {
  id: string;
  version: number;
}

/** Resource that has a name, too. */
export interface NamedResource extends Resource {
  name: string;
}

/** Operations on one kind of definition; `definitionController` makes REST routes of them. */
export interface Definitions {
  list(query: PageQuery): Promise<Page<Resource>>;
  get(reference: string): Promise<Resource>;
  create(body: unknown): Promise<Resource>;
  replace(reference: string, body: unknown, expectedVersion: number | undefined): Promise<Resource>;
  remove(reference: string, expectedVersion: number | undefined): Promise<void>;
}

/** Members that a controller of definitions may build upon. */
export interface DefinitionFace {
  readonly definitions: Definitions;
  get(reference: string, reply: FastifyReply): Promise<Resource>;
}

/** Decorators that declare who may read and write definitions of a kind. */
export interface DefinitionAccess {
  reads: MethodDecorator;
  writes: MethodDecorator;
}

/**
 * Returns a controller with the REST routes of one kind of definition. `PUT` takes a definition, or what `GET` shows of
 * it: then the version in it counts as `If-Match` does. `PATCH` is a merge patch (RFC 7396) on what `GET` shows, and the
 * result is checked as a whole; a secret that is left out, or sent as `{"secret": true}`, is kept.
 *
 * @param beside what is shown beside the fields of its class
 * @param query filters and orders of the list; undefined when another controller lists them
 */
export function definitionController(
  name: string,
  dto: Type<object>,
  definitions: Type<Definitions>,
  query: Type<PageQuery> | undefined,
  { reads, writes }: DefinitionAccess,
  beside: Beside = {},
): Type<DefinitionFace> {
  const body = ApiBody({ type: dto });
  const shown = shownAs(shownName(dto), dto, beside);
  const besides = ['createdAt', 'updatedAt', ...Object.keys({ ...beside.required, ...beside.optional })];
  const force = ApiQuery({
    name: 'force',
    required: false,
    enum: ['true', 'false'],
    description: 'true: also where the rules directory manages it, until its files change next; else 409',
  });
  const ifMatch = ApiHeader({
    name: 'If-Match',
    required: false,
    description: 'The ETag that was read; 412 when it is not the newest',
  });

  const listRoute =
    query === undefined
      ? applyDecorators()
      : applyDecorators(
          Get(),
          reads,
          ApiOperation({ summary: `List ${name}` }),
          ApiQuery({ type: query }),
          Answers(pageShape(shown)),
        );

  @ApiTags(name)
  @ApiBearerAuth()
  abstract class DefinitionController {
    @Inject(definitions) readonly definitions: Definitions;

    @listRoute
    list(@Query() given: GivenQuery): Promise<Page<Resource>> {
      return this.definitions.list(queryOf(query!, given));
    }

    @Post()
    @writes
    @body
    @Answers(shown, { status: 201 })
    @ApiOperation({ summary: 'Create' })
    async create(@Body() given: unknown, @Res({ passthrough: true }) reply: FastifyReply): Promise<Resource> {
      return tagged(reply, await this.definitions.create(given));
    }

    @Get(':ref')
    @reads
    @Answers(shown)
    @ApiOperation({ summary: 'Read, by id or name' })
    async get(
      @Param('ref') reference: string,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<Resource> {
      return tagged(reply, await this.definitions.get(reference));
    }

    @Put(':ref')
    @writes
    @body
    @ifMatch
    @force
    @Answers(shown)
    @ApiOperation({ summary: 'Replace' })
    async replace(
      @Param('ref') reference: string,
      @Body() given: unknown,
      @Headers('if-match') match: string | undefined,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<Resource> {
      const expected = await this.expected(reference, match);
      const { definition, version } = await this.definitionIn(reference, given);
      const read = match === undefined ? version : expected;
      return tagged(reply, await this.definitions.replace(reference, definition, read));
    }

    @Patch(':ref')
    @writes
    @ApiBody({ schema: { type: 'object', description: `Some fields of a ${dto.name}; null removes one` } })
    @ifMatch
    @force
    @ApiConsumes('application/json', 'application/merge-patch+json')
    @Answers(shown)
    @ApiOperation({ summary: 'Change some fields: a merge patch (RFC 7396)' })
    async patch(
      @Param('ref') reference: string,
      @Body() patch: unknown,
      @Headers('if-match') match: string | undefined,
      @Res({ passthrough: true }) reply: FastifyReply,
    ): Promise<Resource> {
      if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) {
        throw new InvalidInput([{ pointer: '', detail: 'must be an object' }]);
      }
      const expected = await this.expected(reference, match);
      return tagged(reply, await this.merge(reference, patch, expected));
    }

    /**
     * Applies a patch to the version it was read from, and tries again after a concurrent change, so that none is
     * undone.
     */
    private async merge(
      reference: string,
      patch: object,
      expected: number | undefined,
      tries = 3,
    ): Promise<Resource> {
      const {
        id: _id,
        version,
        createdAt: _createdAt,
        updatedAt: _updatedAt,
        ...now
      } = (await this.definitions.get(reference)) as Resource & { createdAt: string; updatedAt: string };
      try {
        return await this.definitions.replace(reference, mergePatch(now, patch), expected ?? version);
      } catch (error) {
        const isRace = error instanceof VersionMismatch && expected === undefined && tries > 1;
        if (!isRace) throw error;
        return this.merge(reference, patch, expected, tries - 1);
      }
    }

    @Delete(':ref')
    @writes
    @HttpCode(204)
    @ifMatch
    @force
    @AnswersNothing()
    @ApiOperation({ summary: 'Delete; 409 names the users when it is in use' })
    async remove(
      @Param('ref') reference: string,
      @Headers('if-match') match: string | undefined,
    ): Promise<void> {
      await this.definitions.remove(reference, await this.expected(reference, match));
    }

    /** Returns the definition in a body, and the version it was read in, if the body is what `GET` shows: it has an id. */
    private async definitionIn(
      reference: string,
      given: unknown,
    ): Promise<{ definition: unknown; version?: number }> {
      if (!isObject(given) || !Object.hasOwn(given, 'id')) return { definition: given };
      const { id, version, ...rest } = given;
      if (id !== (await this.definitions.get(reference)).id)
        throw new InvalidInput([{ pointer: '/id', detail: 'must be that of what is replaced, or left out' }]);
      if (version !== undefined && typeof version !== 'number')
        throw new InvalidInput([
          { pointer: '/version', detail: 'must be the one that was read, or left out' },
        ]);
      const own = Object.entries(rest).filter(([field]) => !besides.includes(field));
      return { definition: Object.fromEntries(own), version };
    }

    private expected(reference: string, match: string | undefined): Promise<number | undefined> {
      return expectedVersion(match, () => this.definitions.get(reference));
    }
  }
  return DefinitionController as unknown as Type<DefinitionFace>;
}

export function tagged<R extends Resource>(reply: FastifyReply, resource: R): R {
  void reply.header('ETag', `"${resource.version}"`);
  return resource;
}

const ETAG = /^(?:W\/)?"?(\d+)"?$/;

/**
 * Returns the version that an `If-Match` (RFC 9110, 13.1.1) asks for; undefined for `*` and when it is absent. Of a list
 * it is the version there is now, if that is listed.
 *
 * @param now reads the resource
 * @throws VersionMismatch when it lists no version
 */
export async function expectedVersion(
  match: string | undefined,
  now: () => Promise<Pick<Resource, 'version'>>,
): Promise<number | undefined> {
  if (match === undefined || match.trim() === '*') return undefined;
  const versions = match.split(',').flatMap((tag) => {
    const version = ETAG.exec(tag.trim())?.[1];
    return version === undefined ? [] : [Number(version)];
  });
  const [first] = versions;
  if (first === undefined) throw new VersionMismatch(`If-Match ${match} is no ETag of this resource`);
  if (versions.length === 1) return first;
  const { version } = await now();
  return versions.includes(version) ? version : first;
}
