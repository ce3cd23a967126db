/** Answers whose shape the API's description does not tell yet; what it tells comes from `schema.ts`. */
import type { components } from './schema';

/** Fields that every stored definition has beside its own. */
export interface Stored {
  id: string;
  version: number;
  createdAt: string;
  updatedAt: string;
  managedBy?: string;
}

export interface Page<T> {
  items: T[];
  nextCursor?: string;
  total?: number;
  totalAtLeast?: number;
}

export type Role = 'viewer' | 'operator' | 'editor' | 'admin';
export type Right = Role | 'approve';

export interface Grant {
  role: Role | null;
  approve: boolean;
  scope?: { labels: Record<string, string> };
}

export interface Session {
  user: { name: string; displayName?: string; groups: string[] };
  rights: { role: Role | null; approve: boolean; grants: Grant[] };
}

export interface KillSwitch {
  on: boolean;
  by?: string;
  reason?: string;
  changedAt?: string;
}

export type Phase = 'ok' | 'pending' | 'alarm' | 'unknown';

export type ShownValue = { value: number; at: string } | { error: string; at: string };

export interface ServiceState {
  phase: Phase;
  since: string;
  reason: string;
  explanation: string;
  values: Record<string, ShownValue>;
  holdUntil?: string;
  wisdomUntil?: string;
  /** Silence that mutes it, where the reason is `silenced`. */
  silence?: { id: string; owner: string; reason: string; until: string };
  acknowledged?: { by: string; note: string; until: string };
  lastTriggeredAt?: string;
  nextPollAt?: string;
}

export type ServiceDefinition = components['schemas']['ServiceDto'];
export type Service = ServiceDefinition & Stored & { state?: ServiceState };

export interface MetricChoice {
  type: string;
  params: Record<string, unknown>;
  timeoutSeconds?: number;
  window?: { function: string; seconds: number };
}

export interface Decision {
  from: string;
  to?: string;
  phase: Phase;
  reason: string;
  explanation: string;
  values: Record<string, ShownValue>;
  trigger?: string;
  executions?: string[];
  effect?: { outcome: string; at: string; explanation: string };
}

interface Filled {
  text: string;
  filled: string;
  truth: boolean | null;
}

export interface Why {
  at: string;
  phase: Phase;
  reason: string;
  explanation: string;
  from: string;
  condition?: Filled;
  recovery?: Filled;
  guard?: { reason: string; detail: string };
  toChange?: string[];
}

/** Which services a service depends on, and which depend on it. */
export interface Dependencies {
  parents: { entry: number; service: string; phase: Phase; stops: boolean }[];
  unpaired: { entry: number; because: string }[];
  children: { service: string }[];
}

export interface Report {
  from: string;
  to: string;
  triggers: number;
  effects: Record<string, number>;
  secondsInAlarm: number;
  secondsAtLimit: number;
  secondsMissing: number;
  reasons: Record<string, number>;
  executions: Record<string, number>;
}

export interface Samples {
  metric: string;
  points: [at: string, value: number][];
}

export type ExecutionStatus =
  | 'queued'
  | 'awaiting_approval'
  | 'running'
  | 'waiting'
  | 'succeeded'
  | 'failed'
  | 'unknown'
  | 'cancelled'
  | 'shadowed';

export interface Attempt {
  startedAt: string;
  finishedAt?: string;
  outcome?: string;
  request?: Record<string, unknown>;
  error?: string;
  detail?: string;
  /** How often its target has said "not yet". */
  times?: number;
}

export interface Execution {
  id: string;
  kind?: string;
  service?: string;
  action: string;
  trigger?: string;
  status: ExecutionStatus;
  justification: string;
  idempotencyKey: string;
  attempts: Attempt[];
  createdAt: string;
  nextAttemptAt?: string;
  expiresAt?: string;
  finishedAt?: string;
  held?: string;
  nodes?: { current: number; desired: number; delta: number; direction?: string };
}

export interface Infrastructure extends Stored {
  name: string;
  description?: string;
  labels?: Record<string, string>;
  minNodes: number;
  maxNodes: number;
  upWisdomSeconds: number;
  downWisdomSeconds: number;
  maxDirectionChangesPerHour: number;
  nodes?: { type: string; params: Record<string, unknown> };
  loadBalancer?: { type: string; params: Record<string, unknown> };
}

export interface Capacity {
  current: number | null;
  inFlight: number | null;
  effective: number | null;
  minNodes: number;
  maxNodes: number;
  awaitingApproval?: number;
  frozenUntil?: string;
  error?: string;
}

export interface Action extends Stored {
  name: string;
  description?: string;
  labels?: Record<string, string>;
  type: string;
  params: Record<string, unknown>;
}

export interface CatalogueEntry {
  type: string;
  title: string;
  description: string;
  paramsSchema: JsonSchema;
}

export interface Mappings {
  metrics: CatalogueEntry[];
  policies: CatalogueEntry[];
  actions: CatalogueEntry[];
  alertFormats: CatalogueEntry[];
  loadBalancers: CatalogueEntry[];
  conditionFunctions: { name: string; signature: string; description: string }[];
}

/** Part of JSON Schema that the catalogue uses. */
export interface JsonSchema {
  type?: string;
  enum?: string[];
  description?: string;
  default?: unknown;
  examples?: unknown[];
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  additionalProperties?: boolean | JsonSchema;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  writeOnly?: boolean;
  'x-unit'?: string;
  'x-template'?: string;
}

export interface TriedMetric {
  value?: number;
  error?: string;
  elapsedSeconds: number;
}

export interface Walk {
  rows: { oid: string; type: string; value: string; number?: number }[];
  isComplete: boolean;
  error?: string;
}

export interface Versions {
  items: {
    version: number;
    at: string;
    actor: string;
    changes: { pointer: string; before?: unknown; after?: unknown }[];
  }[];
}

export interface SilenceMatch {
  services?: string[];
  labels?: Record<string, string>;
  infrastructures?: string[];
}

/** Time in which a silence mutes; of one without a schedule, all of it. */
export interface SilenceWindow {
  from: string;
  to: string;
}

export interface Silence extends Stored {
  match: SilenceMatch;
  mutes: 'actions' | 'scale_down' | 'notifications';
  startsAt: string;
  endsAt: string;
  schedule?: { rrule: string; timeZone: string; durationSeconds: number };
  reason: string;
  endWhenOkForSeconds?: number;
  onEnd: 'act' | 'wait';
  owner: string;
  active: boolean;
  /** How many services it covers now. */
  matches: number;
  nextWindows?: SilenceWindow[];
  warnings?: string[];
  endedAt?: string;
  endedBy?: string;
}

export interface SilencePreview {
  services: { name: string; phase: Phase }[];
  total: number;
  wouldHaveMuted: { at: string; service: string; action: string }[];
  nextWindows: SilenceWindow[];
  warnings: string[];
}
