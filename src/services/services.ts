import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Actions } from '../actions/actions';
import { TELLING_TYPES } from '../actions/approval-links';
import { idsOf, type Names, type References, type Surroundings } from '../api/stored-definitions';
import { VersionedDefinitions } from '../api/versioned-definitions';
import { CLOCK, type Clock } from '../common/clock';
import { check, checked, collect, step, within } from '../common/check';
import { choiceErrors, maskedParams, sealedParams, type Chosen } from '../common/choice';
import { didYouMean } from '../common/did-you-mean';
import { InvalidInput, type FieldError } from '../common/errors';
import { own, put } from '../common/records';
import { Secrets } from '../common/secrets';
import { Database } from '../database/database';
import { DefinitionStore, userWords, type Columns, type User } from '../database/definitions';
import { ServiceRow, type Dependency, type MetricChoice } from '../database/entities';
import { firstSeries, nextSeries } from '../database/series';
import { Infrastructures } from '../infrastructures/infrastructures';
import { MetricRegistry } from '../metrics/metric-registry';
import { Queues } from '../queue/queues';
import { compileCondition, CONDITION_FUNCTIONS, ConditionError, isMetricName } from '../engine/condition';
import { MAX_WINDOW_READINGS } from '../engine/window';
import { PolicyRegistry } from '../policies/policy-registry';
import { refuseCircles } from './dependencies';
import { NOT_PLACED, PollSlots } from './poll-slots';
import { DependencyDto, MetricDto, namedActions, namedServices, ServiceDto } from './service.dto';

const MAX_METRICS = 100;

/** SQL array of the ids of all actions that a service `s` names. */
const NAMED = `s.action_ids || s.recovery_action_ids || s.approval_action_ids || array(
  SELECT jsonb_array_elements_text(step->'actionIds')::uuid FROM jsonb_array_elements(s.escalations) step)`;

/** Definitions of services. Mistakes that can be found without running a service are refused when it is saved. */
@Injectable()
export class Services extends VersionedDefinitions<ServiceRow> {
  protected override readonly shownAs = {
    infrastructureId: 'infrastructure',
    actionIds: 'actions',
    recoveryActionIds: 'onRecovery',
    approvalActionIds: 'approvalActions',
    escalations: 'then',
    series: null,
    polled: null,
    slot: null,
  };

  private readonly slots: PollSlots;

  constructor(
    database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly metrics: MetricRegistry,
    private readonly policies: PolicyRegistry,
    private readonly infrastructures: Infrastructures,
    private readonly actions: Actions,
    secrets: Secrets,
    private readonly queues: Queues,
  ) {
    super(
      new DefinitionStore(database, clock, ServiceRow, 'service', { isLabelled: true, writes: 'editor' }),
      secrets,
    );
    this.slots = new PollSlots(metrics, secrets);
  }

  /** Finds the infrastructures and actions that the bodies name; unknown ones are left out. */
  protected override async named(bodies: readonly unknown[]): Promise<References> {
    const given = bodies.map((body) => (body ?? {}) as Record<string, unknown>);
    const [infrastructures, actions, services] = await Promise.all([
      this.infrastructures.store.findMany(textsOf(given.map(({ infrastructure }) => infrastructure))),
      this.actions.store.findMany(textsOf(given.flatMap(namedActions))),
      this.store.findMany(textsOf(given.flatMap(namedServices))),
    ]);
    const actionTypes = new Map(
      actions.flatMap(({ id, name, type }) => [[id, type] as const, [name, type] as const]),
    );
    return {
      infrastructures: idsOf(infrastructures),
      actions: idsOf(actions),
      services: idsOf(services),
      actionTypes,
    };
  }

  /**
   * Turns a body into columns.
   *
   * @throws InvalidInput with all mistakes in the body at once
   */
  protected columns(
    body: unknown,
    { id, before, references }: Surroundings<ServiceRow>,
  ): Columns<ServiceRow> {
    const {
      infrastructure,
      direction,
      actions,
      onRecovery,
      approvalActions,
      then,
      dependsOn: dependencies,
      metrics: given,
      policy,
      recovery,
      ...dto
    } = checked(ServiceDto, body);
    const errors: FieldError[] = [];
    const metrics = this.checkedMetrics(given, dto.intervalSeconds, errors);
    // Also those with a mistake of their own: they are not unknown by that.
    const names = Object.keys(given).filter(isMetricName).slice(0, MAX_METRICS);
    errors.push(...conditionErrors('/condition', dto.condition, names));
    if (recovery !== undefined) errors.push(...conditionErrors('/recovery', recovery, names));
    errors.push(...this.policyErrors(policy as Chosen, names, { infrastructure, direction }));
    const known = withKept(references, before);
    const infrastructureId =
      infrastructure === undefined ? null : infrastructureIdOf(infrastructure, known, errors);
    const actionIds = actionIdsOf('/actions', actions, known, errors);
    const recoveryActionIds = actionIdsOf('/onRecovery', onRecovery, known, errors);
    const approvalActionIds = actionIdsOf('/approvalActions', approvalActions, known, errors);
    errors.push(...tellingErrors(approvalActions, references));
    const escalations = then.map(({ afterSeconds, actions: names }, index) => ({
      afterSeconds,
      actionIds: actionIdsOf(`/then/${index}/actions`, names, known, errors),
    }));
    const dependsOn = dependenciesOf(dependencies, known, id, errors);
    if (dto.expect !== undefined)
      errors.push(...conditionErrors('/expect/condition', dto.expect.condition, names));
    if (errors.length > 0) throw new InvalidInput(errors);

    return {
      ...dto,
      recovery: recovery ?? null,
      dependsOn,
      escalations,
      expect: dto.expect === undefined ? null : { ...dto.expect },
      maxActionsPerHour: dto.maxActionsPerHour ?? null,
      direction: (direction as 'up' | 'down' | undefined) ?? null,
      missingData: dto.missingData as ServiceRow['missingData'],
      mode: dto.mode as ServiceRow['mode'],
      policy: { type: policy.type, params: policy.params as Record<string, unknown> },
      metrics: this.sealedMetrics(metrics, infrastructureId, before),
      series: { ...before?.series },
      polled: Object.values(metrics).some(({ type }) => !this.metrics.isPushed(type)),
      slot: before?.slot ?? NOT_PLACED,
      infrastructureId,
      actionIds,
      recoveryActionIds,
      approvalActionIds,
    };
  }

  private policyErrors(
    policy: Chosen,
    metrics: readonly string[],
    scaling: { infrastructure?: string; direction?: string },
  ): FieldError[] {
    const wrong = choiceErrors(this.policies, policy, '/policy');
    if (wrong.length > 0) return wrong;
    const { strategy, options } = this.policies.get(policy.type);
    const params = checked(options.params, policy.params);
    const problems = strategy.problems?.(params, { metrics }) ?? [];
    const errors = problems.map((problem) => within('/policy/params', problem));
    // `fixed` is what a rule has that names no policy, also one that scales nothing.
    if (policy.type === 'fixed') return errors;
    for (const [field, given] of Object.entries(scaling))
      if (given === undefined)
        errors.push({ pointer: `/${field}`, detail: `is required by the policy ${policy.type}` });
    return errors;
  }

  private checkedMetrics(
    given: object,
    intervalSeconds: number,
    errors: FieldError[],
  ): Record<string, MetricChoice> {
    const entries = Object.entries(given);
    if (entries.length === 0) errors.push({ pointer: '/metrics', detail: 'must have at least one metric' });
    if (entries.length > MAX_METRICS)
      errors.push({ pointer: '/metrics', detail: `must have at most ${MAX_METRICS} metrics` });
    const metrics: Record<string, MetricChoice> = {};
    for (const [name, metric] of entries.slice(0, MAX_METRICS)) {
      const pointer = `/metrics${step(name)}`;
      if (!isMetricName(name)) {
        errors.push({
          pointer,
          detail: 'must be named by letters, digits and _, beginning with a letter, and by no word of CEL',
        });
      }
      const { value, errors: wrong } = check(MetricDto, metric, pointer);
      errors.push(...wrong);
      if (value === undefined) continue;
      errors.push(...choiceErrors(this.metrics, value as Chosen, pointer));
      errors.push(...this.windowErrors(value, intervalSeconds, pointer));
      put(metrics, name, metricOf(value));
    }
    return metrics;
  }

  private windowErrors({ type, window }: MetricDto, intervalSeconds: number, pointer: string): FieldError[] {
    if (window === undefined) return [];
    // As many come as are sent: no more than that are looked at.
    if (this.metrics.isPushed(type)) return [];
    const samples = Math.floor(window.seconds / intervalSeconds);
    if (samples <= MAX_WINDOW_READINGS) return [];
    const detail = `holds ${samples} readings at an interval of ${intervalSeconds} s; at most ${MAX_WINDOW_READINGS} are allowed`;
    return [{ pointer: `${pointer}/window/seconds`, detail }];
  }

  /**
   * Seals the secrets of the metrics' params.
   *
   * @throws InvalidInput naming every secret of every metric that can't be stored
   */
  private sealedMetrics(
    metrics: Record<string, MetricChoice>,
    infrastructureId: string | null,
    before?: ServiceRow,
  ): Record<string, MetricChoice> {
    const errors: FieldError[] = [];
    const sealed: Record<string, MetricChoice> = {};
    const hasMoved = before !== undefined && before.infrastructureId !== infrastructureId;
    for (const [name, metric] of Object.entries(metrics)) {
      const kept = own(before?.metrics, name);
      // Nodes of another infrastructure would be asked with the same secrets.
      const asksOthers = hasMoved && this.metrics.find(metric.type)?.options.asksForNodes === true;
      const changes = asksOthers ? ['/infrastructure'] : [];
      const params = collect(errors, () =>
        sealedParams(this.metrics, metric, `/metrics${step(name)}`, this.secrets, kept, changes),
      );
      if (params !== undefined) sealed[name] = { ...metric, params };
    }
    if (errors.length > 0) throw new InvalidInput(errors);
    return sealed;
  }

  protected override async beforehand(manager: EntityManager, rows: ServiceRow[]): Promise<void> {
    await this.numberSeries(manager, rows);
    await this.slots.assign(manager, rows);
  }

  /** Gives the series of new metrics their numbers; existing ones keep theirs, also those of metrics that are gone. */
  private async numberSeries(manager: EntityManager, rows: ServiceRow[]): Promise<void> {
    const fresh = rows.filter(({ series, metrics }) =>
      Object.keys(metrics).some((name) => !Object.hasOwn(series, name)),
    );
    // None begins more than one: a group holds all the metrics a service may have.
    const groups: { id: number }[] = await manager.query(
      `SELECT nextval('series_group_id')::int AS id FROM generate_series(1, $1)`,
      [fresh.length],
    );
    fresh.forEach(({ series, metrics }, index) => {
      for (const name of Object.keys(metrics))
        if (!Object.hasOwn(series, name)) series[name] = nextSeries(series) ?? firstSeries(groups[index]!.id);
    });
  }

  protected override async alongside(manager: EntityManager, rows: ServiceRow[]): Promise<void> {
    await refuseCircles(manager, rows);
    const ids = rows.map(({ id }) => id);
    await manager.query(
      `DELETE FROM service_actions u USING services s
       WHERE u.service_id = s.id AND s.id = ANY($1::uuid[]) AND NOT u.action_id = ANY(${NAMED})`,
      [ids],
    );
    await manager.query(
      `INSERT INTO service_actions SELECT DISTINCT s.id, unnest(${NAMED}) FROM services s WHERE s.id = ANY($1::uuid[])
       ON CONFLICT DO NOTHING`,
      [ids],
    );
    // Polls see what else is new; for these it is a job's, which may be lost.
    await manager.query(
      `INSERT INTO changed_services SELECT id, version, updated_at FROM services
       WHERE id = ANY($1::uuid[]) AND NOT (polled AND enabled)
       ON CONFLICT (service_id) DO UPDATE SET version = excluded.version, changed_at = excluded.changed_at`,
      [ids],
    );
  }

  /** Queues the services for evaluation: their rules may have changed, and current alerts may concern them. */
  override async saved(rows: readonly ServiceRow[]): Promise<void> {
    await this.queues.addServices(
      rows.map(({ id }) => ({ id })),
      this.clock.now(),
    );
  }

  protected override referencesOf(row: ServiceRow): string[] {
    const { infrastructureId } = row;
    return [
      ...(infrastructureId === null ? [] : [infrastructureId]),
      ...usedActions(row),
      ...usedServices(row),
    ];
  }

  protected override async namesOf(ids: readonly string[], manager?: EntityManager): Promise<Names> {
    const infrastructures = await this.infrastructures.store.namesOf(ids, manager);
    const actions = await this.actions.store.namesOf(ids, manager);
    return new Map([...infrastructures, ...actions, ...(await this.store.namesOf(ids, manager))]);
  }

  protected async show(rows: ServiceRow[], names: Names): Promise<object[]> {
    // What is out of the caller's scope has no name, and can be kept by its id.
    const nameOf = (id: string) => names.get(id) ?? id;
    return rows.map((row) => ({
      description: row.description,
      labels: row.labels,
      enabled: row.enabled,
      intervalSeconds: row.intervalSeconds,
      metrics: Object.fromEntries(
        Object.entries(row.metrics).map(([name, { type, params, ...rest }]) => [
          name,
          { type, params: maskedParams(this.metrics, { type, params }, this.secrets), ...rest },
        ]),
      ),
      condition: row.condition,
      ...(row.recovery === null ? {} : { recovery: row.recovery }),
      holdSeconds: row.holdSeconds,
      wisdomSeconds: row.wisdomSeconds,
      repeat: row.repeat,
      missingData: row.missingData,
      ...(row.infrastructureId === null ? {} : { infrastructure: nameOf(row.infrastructureId) }),
      ...(row.direction === null ? {} : { direction: row.direction }),
      policy: row.policy,
      actions: row.actionIds.map(nameOf),
      onRecovery: row.recoveryActionIds.map(nameOf),
      then: row.escalations.map(({ afterSeconds, actionIds }) => ({
        afterSeconds,
        actions: actionIds.map(nameOf),
      })),
      ...(row.expect === null ? {} : { expect: row.expect }),
      dependsOn: row.dependsOn.map(({ service, ...one }) =>
        service === undefined ? one : { service: nameOf(service), ...one },
      ),
      mode: row.mode,
      approvalTtlSeconds: row.approvalTtlSeconds,
      approvalByOther: row.approvalByOther,
      approvalActions: row.approvalActionIds.map(nameOf),
      ...(row.maxActionsPerHour === null ? {} : { maxActionsPerHour: row.maxActionsPerHour }),
    }));
  }

  protected async users(manager: EntityManager, { id }: ServiceRow): Promise<string[]> {
    const services: User[] = await manager.query(
      `SELECT name, labels FROM services WHERE depends_on @> $1 AND depends_on <> '[]' AND id <> $2 ORDER BY name LIMIT 20`,
      [JSON.stringify([{ service: id }]), id],
    );
    return userWords('service', services);
  }
}

const usedServices = ({ dependsOn }: ServiceRow): string[] =>
  dependsOn.flatMap(({ service }) => service ?? []);

const usedActions = ({
  actionIds,
  recoveryActionIds,
  approvalActionIds,
  escalations,
}: ServiceRow): string[] => [
  ...actionIds,
  ...recoveryActionIds,
  ...approvalActionIds,
  ...escalations.flatMap((step) => step.actionIds),
];

/** Adds what the stored service refers to, by id: it may be out of the caller's scope. */
function withKept(references: References, before: ServiceRow | undefined): References {
  if (before === undefined) return references;
  const { infrastructureId } = before;
  const itself = (id: string) => [id, id] as const;
  return {
    infrastructures: new Map([
      ...(infrastructureId === null ? [] : [itself(infrastructureId)]),
      ...references.infrastructures,
    ]),
    actions: new Map([...usedActions(before).map(itself), ...references.actions]),
    services: new Map([...usedServices(before).map(itself), ...references.services]),
  };
}

/** Returns errors of actions that do more than tell people; types that are not known yet are looked at when it is told. */
const tellingErrors = (given: readonly string[], { actionTypes }: References): FieldError[] =>
  given.flatMap((reference, index) => {
    const type = actionTypes?.get(reference);
    if (type === undefined || TELLING_TYPES.includes(type)) return [];
    return [
      {
        pointer: `/approvalActions/${index}`,
        detail: `is of type ${type}; only ${TELLING_TYPES.join(', ')} tell people`,
      },
    ];
  });

function infrastructureIdOf(
  reference: string,
  { infrastructures }: References,
  errors: FieldError[],
): string | null {
  const id = infrastructures.get(reference);
  if (id !== undefined) return id;
  const detail = `there is no infrastructure ${JSON.stringify(reference)}`;
  errors.push({ pointer: '/infrastructure', detail });
  return null;
}

function actionIdsOf(
  pointer: string,
  references: readonly string[],
  { actions }: References,
  errors: FieldError[],
): string[] {
  const ids = references.map((reference) => actions.get(reference));
  ids.forEach((id, index) => {
    const reference = JSON.stringify(references[index]);
    if (id === undefined)
      errors.push({ pointer: `${pointer}/${index}`, detail: `there is no action ${reference}` });
    else if (ids.indexOf(id) < index)
      errors.push({ pointer: `${pointer}/${index}`, detail: 'must not name an action twice' });
  });
  return ids.filter((id) => id !== undefined);
}

function dependenciesOf(
  given: readonly DependencyDto[],
  { services }: References,
  self: string,
  errors: FieldError[],
): Dependency[] {
  return given.map(({ service, match, equal, whenPhase }, index) => {
    const rest = { equal: [...new Set(equal)], whenPhase: [...new Set(whenPhase)] };
    if (service === undefined) return { match, ...rest };
    const id = services.get(service);
    const pointer = `/dependsOn/${index}/service`;
    if (id === undefined) errors.push({ pointer, detail: `there is no service ${JSON.stringify(service)}` });
    else if (id === self) errors.push({ pointer, detail: 'must be another service' });
    return { service: id ?? '', ...rest };
  });
}

const textsOf = (values: readonly unknown[]): string[] => [
  ...new Set(values.filter((value) => typeof value === 'string')),
];

function metricOf({ type, params, timeoutSeconds, acceptsPushed, window }: MetricDto): MetricChoice {
  const choice = {
    type,
    params: params as Record<string, unknown>,
    timeoutSeconds,
    ...(acceptsPushed ? { acceptsPushed } : {}),
  };
  return window === undefined ? choice : { ...choice, window: { ...window } };
}

function conditionErrors(pointer: string, text: string, metrics: string[]): FieldError[] {
  try {
    compileCondition(text, metrics);
    return [];
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error;
    return [within(pointer, { pointer: '', detail: `${error.message}${meantIn(error.message, metrics)}` })];
  }
}

/**
 * Suggests what may have been meant by an unknown variable or function in a condition's error; empty where nothing is
 * close.
 */
function meantIn(message: string, metrics: string[]): string {
  const [, variable] = /^Unknown variable: (\w+)/.exec(message) ?? [];
  if (variable !== undefined) return didYouMean(variable, metrics);
  const [, called] = /'(\w+)\(/.exec(message) ?? [];
  const functions = CONDITION_FUNCTIONS.map(({ name }) => name);
  return called === undefined ? '' : didYouMean(called, functions);
}
