import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { TELLING_TYPES } from '../actions/approval-links';
import { Actions } from '../actions/actions';
import { idsOf, type Names, type References, type Surroundings } from '../api/stored-definitions';
import { VersionedDefinitions } from '../api/versioned-definitions';
import { checked } from '../common/check';
import { CLOCK, type Clock } from '../common/clock';
import { InvalidInput, type FieldError } from '../common/errors';
import { isObject } from '../common/json';
import { own } from '../common/records';
import { Secrets } from '../common/secrets';
import { Database } from '../database/database';
import { DefinitionStore, type Columns } from '../database/definitions';
import { ContactRow } from '../database/entities';
import { ContactDto } from './contact.dto';
import type { Schedule } from '../silences/schedule';
import { nextWindows, scheduleProblem } from './on-duty';

/** Windows that a preview tells. */
const WINDOWS_SHOWN = 10;

/** Contacts: who is told of what happens. */
@Injectable()
export class Contacts extends VersionedDefinitions<ContactRow> {
  protected override readonly shownAs = { actionId: 'action', askedSince: null };

  constructor(
    database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly actions: Actions,
    secrets: Secrets,
  ) {
    super(
      new DefinitionStore(database, clock, ContactRow, 'contact', { isLabelled: true, writes: 'admin' }),
      secrets,
    );
  }

  /**
   * Returns the next windows of a schedule, as a contact with it would have them.
   *
   * @throws InvalidInput where no contact may have it
   */
  windowsOf(schedule: Schedule): { from: string; to: string }[] {
    const now = this.clock.now().getTime();
    const problem = scheduleProblem(schedule, now);
    if (problem !== undefined) throw new InvalidInput([{ pointer: '/schedule/rrule', detail: problem }]);
    return nextWindows(schedule, now, WINDOWS_SHOWN).map(({ from, until }) => ({
      from: new Date(from).toISOString(),
      to: new Date(until).toISOString(),
    }));
  }

  protected override async named(bodies: readonly unknown[]): Promise<References> {
    const actions = await this.actions.store.findMany([...new Set(bodies.flatMap(namedAction))]);
    const types = actions.flatMap(({ id, name, type }) => [[id, type] as const, [name, type] as const]);
    return {
      infrastructures: new Map(),
      services: new Map(),
      actions: idsOf(actions),
      actionTypes: new Map(types),
    };
  }

  protected columns(body: unknown, { before, references }: Surroundings<ContactRow>): Columns<ContactRow> {
    const { action, schedule, events, ...dto } = checked(ContactDto, body);
    const now = this.clock.now();
    const errors: FieldError[] = [];
    const actionId = actionIdOf(action, references, before, errors);
    const problem = schedule && scheduleProblem(schedule, now.getTime());
    if (problem !== undefined) errors.push({ pointer: '/schedule/rrule', detail: problem });
    if (actionId === undefined || errors.length > 0) throw new InvalidInput(errors);
    return {
      ...dto,
      actionId,
      events: [...events],
      schedule: schedule === undefined ? null : { ...schedule },
      askedSince: Object.fromEntries(
        events.map((event) => [event, own(before?.askedSince ?? {}, event) ?? now.toISOString()]),
      ),
    };
  }

  protected override referencesOf({ actionId }: ContactRow): string[] {
    return [actionId];
  }

  protected override namesOf(ids: readonly string[], manager?: EntityManager): Promise<Names> {
    return this.actions.store.namesOf(ids, manager);
  }

  protected async show(rows: ContactRow[], names: Names): Promise<object[]> {
    return rows.map((row) => ({
      description: row.description,
      // What is out of the caller's scope has no name, and can be kept by its id.
      action: names.get(row.actionId) ?? row.actionId,
      events: row.events,
      labels: row.labels,
      ...(row.schedule === null ? {} : { schedule: row.schedule }),
      maxPerHour: row.maxPerHour,
      groupSeconds: row.groupSeconds,
      blindForSeconds: row.blindForSeconds,
    }));
  }

  protected async users(): Promise<string[]> {
    return [];
  }
}

/** Returns the action that a body of a contact names. */
export const namedAction = (body: unknown): string[] =>
  isObject(body) && typeof body.action === 'string' ? [body.action] : [];

function actionIdOf(
  action: string,
  { actions, actionTypes }: References,
  before: ContactRow | undefined,
  errors: FieldError[],
): string | undefined {
  const pointer = '/action';
  const id = actions.get(action) ?? (action === before?.actionId ? action : undefined);
  if (id === undefined) errors.push({ pointer, detail: `there is no action ${JSON.stringify(action)}` });
  // A type that is not known yet, as in a document that brings the action too, is looked at when it is told.
  const type = actionTypes?.get(action);
  if (type !== undefined && !TELLING_TYPES.includes(type))
    errors.push({ pointer, detail: `is of type ${type}; only ${TELLING_TYPES.join(', ')} tell people` });
  return id;
}
