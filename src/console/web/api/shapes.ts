/**
 * Shapes of what the API answers, by the names that pages use. They follow from `schema.ts`, which is made from the API's own
 * description; written here is only what that leaves open: JSON Schema, and metrics by
 * their mappings.
 */
import type { components } from './schema';

/** Shape that the API's description names. */
export type Shape<Name extends keyof components['schemas']> = components['schemas'][Name];

/** Fields that every stored definition has beside its own. */
export type Stored = Pick<Shape<'Action'>, 'id' | 'version' | 'createdAt' | 'updatedAt'>;

export interface Page<T> {
  items: T[];
  nextCursor?: string;
  total?: number;
  totalAtLeast?: number;
}

export type Session = Shape<'Whoami'>;
export type Grant = Session['rights']['grants'][number];
export type Role = NonNullable<Grant['role']>;
export type Right = Role | 'approve';
export type KillSwitch = Shape<'KillSwitch'>;

export type ServiceState = Shape<'State'>;
export type Phase = ServiceState['phase'];
export type ShownValue = Shape<'Values'>[string];
export type ServiceDefinition = Shape<'ServiceDto'>;
export type Service = Shape<'ListedService'>;
/** Metric of a service, whose params are its mapping's. */
export interface MetricChoice {
  type: string;
  params: Record<string, unknown>;
  timeoutSeconds?: number;
  window?: { function: string; seconds: number };
}
export type Decision = Shape<'Decision'>;
export type Why = Shape<'Why'>;
/** Which services a service depends on, and which depend on it. */
export type Dependencies = Shape<'Dependencies'>;
export type Report = Shape<'Report'>;
export type Samples = Shape<'Samples'>;

export type Execution = Shape<'Execution'>;
export type ExecutionStatus = Execution['status'];
export type Attempt = Shape<'Attempt'>;

export type Infrastructure = Shape<'Infrastructure'>;
export type Capacity = Shape<'Capacity'>;
export type Action = Shape<'Action'>;

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

export type CatalogueEntry = Shape<'Catalogue'>['metrics'][number] & { paramsSchema: JsonSchema };
type Kinds = Exclude<keyof Shape<'Catalogue'>, 'conditionFunctions'>;
export type Mappings = Shape<'Catalogue'> & Record<Kinds, CatalogueEntry[]>;

export type TriedMetric = Shape<'TriedMetric'>;
export type Walk = Shape<'SnmpWalk'>;
export interface Versions {
  items: Shape<'Version'>[];
}

/** A silence as it is shown: both its ends are known. */
export type Silence = Shape<'Silence'> & { startsAt: string; endsAt: string };
export type SilenceMatch = Silence['match'];
export type SilencePreview = Shape<'SilencePreview'>;
/** Time in which a silence mutes, or a contact is told. */
export type TimeWindow = SilencePreview['nextWindows'][number];

export type Contact = Shape<'Contact'>;
export type ContactEvent = Contact['events'][number];
/** What a contact was told, is to be told, or was not told, and why. */
export type Notice = Shape<'Notice'>;
