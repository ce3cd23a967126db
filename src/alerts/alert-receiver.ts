import { Injectable } from '@nestjs/common';
import type { Sender } from '../auth/identities';
import { within } from '../common/check';
import { openedParams } from '../common/choice';
import {
  ERRORS_AT_MOST,
  InvalidInput,
  messageOf,
  NotFound,
  PayloadTooLarge,
  Unavailable,
  type FieldError,
} from '../common/errors';
import { fieldsOf } from '../common/fields';
import { isObject, readJsonInTurns } from '../common/json';
import { problemOf } from '../common/problem.filter';
import { Secrets } from '../common/secrets';
import { telemetry } from '../common/telemetry';
import { traced, type OpenSpan } from '../common/tracing';
import { Turns } from '../common/turns';
import { ServiceLookup, metricFor } from './service-lookup';
import type { IncomingAlert } from './alert';
import { FormatRegistry } from './format-registry';
import {
  ONE_ALERT_BYTES,
  type Answer,
  type Facts,
  type Note,
  type Parsed,
  type Taken,
} from './formats/alert-format';
import { changeAnswer } from './formats/pagerduty.format';
import { labelledBy, labelsProblem, reaches, serviceProblem, unnamedProblem } from './confinement';
import { AlertIngest } from './alert-ingest';
import type { Matcher } from './matcher';
import { SourceActivity, type Receipt } from './source-activity';
import { Subscriptions } from './subscriptions';
import { TakenMessages } from './taken-messages';

const MAX_ALERTS = 10_000;
/** Largest number of errors reported for one of many alerts. */
const ERRORS_OF_ONE = 10;

const OVERTAKEN = 'changed nothing: a later report of the same alert was taken before';

const REPEATED = 'changed nothing: the same message was taken before';

/** Result of a request that was accepted. */
interface Accepted {
  body: unknown;
  taken: Taken;
  notes: Note[];
}

const untoldNote = ({ untold }: Parsed, index: number): Note => ({
  index,
  detail: `${untold}: nothing begins or ends by it`,
});

/**
 * Takes requests of all formats over HTTP: reads and authenticates the message, finds the services it names, commits
 * its alerts and answers.
 */
@Injectable()
export class AlertReceiver {
  constructor(
    private readonly formats: FormatRegistry,
    private readonly secrets: Secrets,
    private readonly serviceLookup: ServiceLookup,
    private readonly ingest: AlertIngest,
    private readonly activity: SourceActivity,
    private readonly subscriptions: Subscriptions,
    private readonly messages: TakenMessages,
  ) {}

  /**
   * Takes a request and returns its answer, refusals included.
   *
   * @param asked the format that the path names
   */
  take(asked: string, facts: Facts, sender: Sender): Promise<Answer> {
    const options = () => ({
      kind: 'server' as const,
      parent: facts.headers.traceparent,
      facts: { 'monscale.source': sender.name, 'monscale.body.bytes': facts.raw.length },
    });
    return traced('receive alerts', options, (span) => this.answerTo(asked, facts, sender, span));
  }

  private async answerTo(
    asked: string,
    facts: Facts,
    sender: Sender,
    span: OpenSpan | undefined,
  ): Promise<Answer> {
    let type = asked;
    try {
      if (this.formats.find(asked) === undefined || asked === 'snmp')
        throw new NotFound('alert format over HTTP', asked);
      if (asked === 'auto') type = await this.detected(facts);
      const { body, taken, notes } = await this.accept(type, facts, sender, span?.traceparent);
      const answer = this.formats.get(type).strategy.answer?.(body, taken) ?? { status: 202, body: taken };
      this.keepReceipt(sender, { facts, format: type, status: answer.status, taken, notes });
      span?.add({ 'monscale.format': type, 'http.response.status_code': answer.status });
      return answer;
    } catch (error) {
      span?.add({ 'http.response.status_code': problemOf(error).status });
      return this.refuse(error, type, facts, sender);
    }
  }

  /** Takes a change event of PagerDuty, by which no alert begins or ends. */
  takeChange(facts: Facts, sender: Sender): Answer {
    const format = 'pagerduty';
    try {
      const answer = changeAnswer(facts.raw);
      const notes = [{ index: 0, detail: 'a change event: no alert begins or ends by it' }];
      this.activity.count(sender.name, 0, facts.now);
      this.keepReceipt(sender, { facts, format, status: answer.status, notes });
      return answer;
    } catch (error) {
      return this.refuse(error, format, facts, sender);
    }
  }

  private async accept(type: string, facts: Facts, sender: Sender, trace?: string): Promise<Accepted> {
    const { strategy: format } = this.formats.get(type);
    const params = this.plainParamsOf(type, sender) ?? (await this.paramsOf(type, sender));
    const body = format.read ? await format.read(facts) : await readJsonInTurns(facts.raw);
    if (format.believe !== undefined) await format.believe(body, params, facts);
    const message = format.messageId?.(body);
    const before = message === undefined ? undefined : await this.messages.find(sender.name, message);
    if (before !== undefined) return { body, taken: before, notes: [{ index: 0, detail: REPEATED }] };
    if (format.act !== undefined) await format.act(body);
    const count = countIn(body);
    if (count > MAX_ALERTS) throw new PayloadTooLarge(`at most ${MAX_ALERTS} alerts in one request`);
    if (count === 1 && facts.raw.length > ONE_ALERT_BYTES)
      throw new PayloadTooLarge(`one alert has at most ${ONE_ALERT_BYTES} bytes`);
    const errorsAtMost = count === 1 ? ERRORS_AT_MOST : ERRORS_OF_ONE;
    const turns = new Turns();
    const parsed: Parsed[] = [];
    for (const one of format.parse(body, params, facts)) {
      parsed.push(one.errors ? { ...one, errors: one.errors.slice(0, errorsAtMost) } : one);
      if (turns.isOver) await turns.next();
    }
    const { alerts, indices, rejected } = await this.addressed(parsed, sender, turns);
    if (rejected.length > 0 && rejected.length === parsed.length) {
      const told = rejected.slice(0, ERRORS_AT_MOST);
      throw new InvalidInput(
        told.flatMap(({ pointer, errors }) => errors.map((error) => within(pointer, error))),
      );
    }
    telemetry.alertsRefused.inc({ format: type, reason: 'invalid' }, rejected.length);
    const accepted = await this.ingest.accept({ name: sender.name, format: type }, alerts, trace);
    const notes: Note[] = [];
    parsed.forEach((one, index) => {
      if (one.untold !== undefined) notes.push(untoldNote(one, index));
    });
    telemetry.alertsUntold.inc({ format: type }, notes.length);
    accepted.forEach((one, at) => {
      if (one.isOvertaken) notes.push({ index: indices[at]!, detail: OVERTAKEN });
    });
    const taken = {
      accepted: accepted.map(({ id, dedupKey }) => ({ id, dedupKey })),
      rejected: rejected.map(({ index, errors }) => ({ index, errors })),
    };
    if (message !== undefined) await this.messages.note(sender.name, message, taken);
    return { body, taken, notes };
  }

  /** Keeps the request for the source's list of recent payloads; requests with an API token have no source. */
  private keepReceipt({ name, params }: Sender, receipt: Omit<Receipt, 'source'>): void {
    if (params !== undefined) this.activity.keep({ source: name, ...receipt });
  }

  /**
   * Returns the first format that recognizes the body.
   *
   * @throws InvalidInput
   */
  private async detected(facts: Facts): Promise<string> {
    const body = facts.headers['ce-specversion'] === undefined ? await readJsonInTurns(facts.raw) : undefined;
    const found = this.formats
      .types()
      .find((type) => this.formats.get(type).strategy.looksLike?.(body, facts));
    if (found !== undefined) return found;
    throw new InvalidInput([
      { pointer: '', detail: 'has the shape of no alert format; send it to the path of its format' },
    ]);
  }

  /** Returns the params of a format that has none, or of a sender that is no source; undefined for others. */
  private plainParamsOf(type: string, { params }: Sender): object | undefined {
    const cls = this.formats.get(type).options.params;
    return params === undefined || fieldsOf(cls).length === 0 ? new cls() : undefined;
  }

  /**
   * Returns the source's params, with secrets, which the format needs to authenticate a message.
   *
   * @throws Unavailable when a secret can't be read
   */
  private async paramsOf(type: string, { params = {} }: Sender): Promise<object> {
    const cls = this.formats.get(type).options.params;
    await this.secrets.look([params]);
    try {
      return openedParams(cls, params, this.secrets).params;
    } catch (error) {
      throw new Unavailable(messageOf(error), 60, { cause: error });
    }
  }

  private async addressed(parsed: Parsed[], { name: source, limits }: Sender, turns: Turns) {
    const named = parsed.map(({ alert }) => alert?.service).filter((name) => name !== undefined);
    const services = await this.serviceLookup.find(named);
    // Only of a confined source it is asked whom its alerts would feed.
    const matcher = limits?.services ? (await this.subscriptions.current()).matcher : undefined;
    const alerts: IncomingAlert[] = [];
    /** Position of each alert among the parsed ones. */
    const indices: number[] = [];
    const take = (alert: IncomingAlert, index: number) => {
      alerts.push(alert);
      indices.push(index);
    };
    const rejected: { index: number; pointer: string; errors: FieldError[] }[] = [];
    const address = (one: Parsed, index: number): void => {
      const { pointer = '' } = one;
      if (one.errors) return void rejected.push({ index, pointer, errors: one.errors });
      if (one.alert === undefined) return;
      const said = limits === undefined ? one.alert : labelledBy(one.alert, limits);
      const refuse = (errors: FieldError[]) => void rejected.push({ index, pointer, errors });
      const problem =
        limits &&
        (labelsProblem(said, limits) ?? unnamedProblem(said, limits) ?? unfedProblem(said, matcher, source));
      if (problem) return refuse([problem]);
      // Most name neither.
      if (said.service === undefined && said.metric === undefined) return take(said, index);
      const { service: reference, metric, ...alert } = said;
      if (reference === undefined) return take(alert, index);
      const service = services.get(reference);
      if (service === undefined || (limits && !reaches(service, limits)))
        return refuse([{ pointer: '/service', detail: `there is no service ${JSON.stringify(reference)}` }]);
      const foreign = limits && serviceProblem(service, limits);
      if (foreign) return refuse([foreign]);
      const target = metricFor(service, metric, source);
      if ('errors' in target) return refuse(target.errors);
      take({ serviceId: service.id, metric: target.metric, ...alert }, index);
    };
    for (let index = 0; index < parsed.length; index++) {
      address(parsed[index]!, index);
      if (turns.isOver) await turns.next();
    }
    return { alerts, indices, rejected };
  }

  /**
   * Returns a refusal in the shape of the sender's own system.
   *
   * @throws the error, where the format has no shape for it
   */
  private refuse(error: unknown, type: string, facts: Facts, sender: Sender): Answer {
    const { status, detail, errors = [] } = problemOf(error);
    const format = this.formats.find(type)?.strategy;
    telemetry.alertsRefused.inc({ format: format ? type : 'unknown', reason: reasonOf(status) });
    const problems = errors.length > 0 ? errors : [{ pointer: '', detail }];
    this.keepReceipt(sender, { facts, format: type, status, errors: problems });
    const body = status < 500 ? format?.refusal?.(status, detail, errors) : undefined;
    if (body === undefined) throw error;
    return { status, body };
  }
}

/**
 * Returns the error of an alert that would feed no service its source may speak for; only for sources confined to
 * services.
 */
function unfedProblem(
  { service, status, labels }: { service?: string; status: string; labels: Record<string, string> },
  matcher: Matcher | undefined,
  source: string,
): FieldError | undefined {
  if (matcher === undefined || service !== undefined || status === 'resolved') return undefined;
  if (matcher.asks(labels, source)) return undefined;
  return { pointer: '/labels', detail: 'fit no alert metric of the services that its source may speak for' };
}

function reasonOf(status: number): string {
  if (status === 403) return 'not believed';
  return status >= 500 ? 'unavailable' : 'invalid';
}

/** Counts the alerts of a body before any of them is parsed. */
function countIn(body: unknown): number {
  const list = isObject(body) ? body.alerts : body;
  return Array.isArray(list) ? list.length : 1;
}
