import { DEFINITION_ORDERS, HasLabel, labelWords, Same, Search, searchedIn, SortBy } from '../api/filters';
import { CURSOR, LIMIT, LIMIT_BY_DEFAULT } from '../api/page-query';
import { Choice } from '../common/choice';
import type { FieldError } from '../common/errors';
import { Decimal, Nested, Text, TextMap, Whole } from '../common/fields';
import { NAME } from '../common/names';

/** Definition of an infrastructure: nodes that scale together. */
export class InfrastructureDto {
  @Text({ description: 'Unique name', ...NAME })
  name: string;

  @Text({ description: 'What it is, for people' })
  description: string = '';

  @TextMap({ description: 'Labels, for filters and templates' })
  labels: Record<string, string> = {};

  @Whole({ description: 'It is never scaled below', unit: 'nodes', minimum: 0, maximum: 1_000_000 })
  minNodes = 1;

  @Whole({ description: 'It is never scaled above', unit: 'nodes', minimum: 0, maximum: 1_000_000 })
  maxNodes = 8;

  @Decimal({
    description: 'After it was scaled up, no service scales it up for this long',
    unit: 's',
    minimum: 0,
    maximum: 31_536_000,
  })
  upWisdomSeconds = 0;

  @Decimal({
    description: 'After it was scaled down, no service scales it down for this long',
    unit: 's',
    minimum: 0,
    maximum: 31_536_000,
  })
  downWisdomSeconds = 0;

  @Decimal({
    description: 'How long its counter may take to show what an action has done',
    unit: 's',
    minimum: 0,
    maximum: 86_400,
  })
  warmupSeconds = 0;

  @Whole({
    description: 'More changes between up and down within an hour freeze its scaling for an hour',
    minimum: 0,
    maximum: 1_000_000,
  })
  maxDirectionChangesPerHour = 6;

  @Nested(() => Choice, {
    description: 'The metric that counts its nodes; without it no service can scale it',
    optional: true,
  })
  nodes?: Choice;

  @Nested(() => Choice, {
    description: 'The pool whose members follow its nodes; `nodes` has to tell where they are',
    optional: true,
  })
  loadBalancer?: Choice;

  problems(): FieldError[] {
    return this.minNodes > this.maxNodes
      ? [{ pointer: '/minNodes', detail: `must not be over maxNodes (${this.maxNodes})` }]
      : [];
  }
}

/** Filters of infrastructures, of the list as of changes of many. */
export class InfrastructureFilter {
  @Search(searchedIn('t.name', 't.description', labelWords('t.labels')), 'name, description and labels')
  search?: string;

  @HasLabel('t.labels')
  label?: string[];

  @Same(`t.nodes->>'type'`, 'The metric that counts its nodes')
  nodes?: string;

  @Same(`t.load_balancer->>'type'`, 'The kind of its load balancer')
  loadBalancer?: string;
}

/** Filters and order of the list of infrastructures. */
export class InfrastructuresQuery extends InfrastructureFilter {
  @Whole(LIMIT)
  limit = LIMIT_BY_DEFAULT;

  @Text(CURSOR)
  cursor?: string;

  @SortBy(DEFINITION_ORDERS)
  sort = 'createdAt';
}
