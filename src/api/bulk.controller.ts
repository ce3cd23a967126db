import { Body, HttpCode, Inject, Post, type Type } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiExtraModels, ApiOperation, ApiTags } from '@nestjs/swagger';
import { check, checked, within } from '../common/check';
import { InvalidInput, type FieldError } from '../common/errors';
import { Any, Flag, inside, Nested, TextList } from '../common/fields';
import { isObject } from '../common/json';
import { RouteConfig } from '../common/route-config';
import { LONG_BODY } from './raw-body';
import { BULK_RESULT, BulkChanges, CHANGED_AT_MOST, type BulkDeed, type BulkResult } from './bulk';
import { conditionsOf, plainQuery } from './filters';
import type { StoredDefinitions } from './stored-definitions';
import type { DefinitionRow } from '../database/entities';
import { OLDEST_FIRST, Parameters, type Page } from '../database/pages';
import { Answers } from '../common/shapes';

/** Which definitions: exactly one of these. */
export class BulkSelect {
  @TextList({ description: 'Ids or names', optional: true, maxItems: CHANGED_AT_MOST })
  ids?: string[];

  @Any({ description: 'Filters as of the list, at least one', optional: true }, { type: 'object' })
  filter?: object;

  problems(): FieldError[] {
    if ((this.ids === undefined) === (this.filter === undefined))
      return [{ pointer: '', detail: 'must have either ids or filter' }];
    return this.ids?.length === 0 ? [{ pointer: '/ids', detail: 'must not be empty' }] : [];
  }
}

/** Change of labels, of any kind of definition. */
export class LabelsChange {
  @Any(
    { description: 'Labels that are added or replaced; null removes one', optional: true },
    { type: 'object', additionalProperties: { type: ['string', 'null'] } },
    (labels) => {
      const wrong = Object.entries(labels as object).find(([, value]) => typeof value !== 'string');
      return wrong && inside(wrong[0], 'must be a text, or null to remove the label');
    },
  )
  labels?: object;
}

/** Request to change many definitions. */
export class BulkDto {
  @Nested(() => BulkSelect, { description: 'Which' })
  select: BulkSelect;

  @Any({ description: 'What is changed of each', optional: true }, { type: 'object' })
  change?: object;

  @Flag({ description: 'True: they are deleted, where nothing uses them' })
  delete = false;

  @Flag({ description: 'True: nothing is written; the answer is what would be' })
  dryRun = false;

  problems(): FieldError[] {
    const errors = this.select.problems().map((error) => within('/select', error));
    if ((this.change === undefined) !== this.delete)
      errors.push({ pointer: '', detail: 'must have either change or "delete": true' });
    return errors;
  }
}

interface BulkParts {
  name: string;
  definitions: Type<StoredDefinitions<DefinitionRow>>;
  /** Class of filters. */
  filter: Type<object>;
  /** Class of what can be changed. */
  change: Type<object>;
  writes: MethodDecorator;
}

/** Returns a controller that changes many definitions of one kind at once. */
export function bulkController({ name, definitions, filter, change, writes }: BulkParts) {
  @ApiTags(name)
  @ApiBearerAuth()
  @ApiExtraModels(change, filter)
  abstract class BulkController {
    @Inject(definitions) readonly definitions: StoredDefinitions<DefinitionRow>;

    @Post()
    @writes
    @HttpCode(200)
    @RouteConfig(LONG_BODY)
    @ApiBody({
      type: BulkDto,
      description: `\`change\` is a ${change.name}, \`select.filter\` has the filters of the list`,
    })
    @ApiOperation({
      summary: `Change or delete up to ${CHANGED_AT_MOST} ${name}, each checked like one alone; what fails is named, the others are done`,
    })
    @Answers(BULK_RESULT)
    async run(@Body() body: unknown): Promise<BulkResult> {
      const { select, delete: isDeleted, dryRun } = checked(BulkDto, body);
      const deed: BulkDeed = isDeleted
        ? 'delete'
        : { change: changeIn(change, (body as { change: unknown }).change) };
      const { ids, missing } =
        select.ids === undefined
          ? { ids: await this.matching(select.filter!), missing: [] }
          : await this.definitions.store.idsOf(select.ids);
      const result = await new BulkChanges(this.definitions, deed, dryRun).run(ids);
      const unknown = missing.map((reference) => ({
        id: reference,
        name: reference,
        detail: `there is no ${this.definitions.store.kind} ${JSON.stringify(reference)}`,
      }));
      return { ...result, matched: result.matched + missing.length, failed: [...unknown, ...result.failed] };
    }

    private async matching(given: object): Promise<string[]> {
      const { value, errors } = check(
        filter,
        plainQuery(filter, given as Record<string, unknown>, FILTER),
        FILTER,
      );
      if (value === undefined) throw new InvalidInput(errors);
      if (conditionsOf(value, new Parameters().add).length === 0)
        throw new InvalidInput([
          { pointer: FILTER, detail: 'must have at least one filter: an empty one would be everything' },
        ]);
      const { items, nextCursor } = await this.idsMatching(value);
      if (nextCursor === undefined) return items;
      const detail = `selects more than ${CHANGED_AT_MOST}, which is as many as are changed at once`;
      throw new InvalidInput([{ pointer: FILTER, detail }]);
    }

    /** Returns the ids of what a filter selects, as many as are changed at once. */
    protected idsMatching(selected: object): Promise<Page<string>> {
      const request = { limit: CHANGED_AT_MOST, order: OLDEST_FIRST };
      return this.definitions.store.ids(request, (parameter) => conditionsOf(selected, parameter));
    }
  }
  return BulkController;
}

const FILTER = '/select/filter';
const CHANGE = '/change';

/** Returns what is changed, as it was sent: nulls in it remove. */
function changeIn(cls: Type<object>, given: unknown): object {
  const change = checked(cls, given, CHANGE);
  const names = Object.keys(change).filter((name) => (change as Record<string, unknown>)[name] !== undefined);
  if (names.length === 0)
    throw new InvalidInput([within(CHANGE, { pointer: '', detail: 'must change something' })]);
  const sent = isObject(given) ? given : {};
  return Object.fromEntries(names.map((name) => [name, sent[name]]));
}
