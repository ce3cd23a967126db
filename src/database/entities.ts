import { Column, Entity, PrimaryColumn } from 'typeorm';

/**
 * Definition made by users, as a TypeORM entity. All other tables (state, ledger, executions, alerts, samples) are on a
 * hot path: they are read and written in batches by our own SQL.
 */
export abstract class DefinitionRow {
  @PrimaryColumn('uuid') id: string;
  @Column('text') name: string;
  @Column('int') version: number;
  @Column('timestamptz', { name: 'created_at' }) createdAt: Date;
  @Column('timestamptz', { name: 'updated_at' }) updatedAt: Date;
}

/** Mapping chosen by name, with its params; secrets are encrypted. */
export interface MappingChoice {
  type: string;
  params: Record<string, unknown>;
}

@Entity('infrastructures')
export class InfrastructureRow extends DefinitionRow {
  @Column('text') description: string;
  @Column('jsonb') labels: Record<string, string>;
  @Column('int', { name: 'min_nodes' }) minNodes: number;
  @Column('int', { name: 'max_nodes' }) maxNodes: number;
  @Column('float8', { name: 'up_wisdom_seconds' }) upWisdomSeconds: number;
  @Column('float8', { name: 'down_wisdom_seconds' }) downWisdomSeconds: number;
  @Column('float8', { name: 'warmup_seconds' }) warmupSeconds: number;
  @Column('int', { name: 'max_direction_changes_per_hour' }) maxDirectionChangesPerHour: number;
  @Column('jsonb', { nullable: true }) nodes: MappingChoice | null;
  @Column('jsonb', { name: 'load_balancer', nullable: true }) loadBalancer: MappingChoice | null;
}

@Entity('actions')
export class ActionRow extends DefinitionRow {
  @Column('text') description: string;
  @Column('jsonb') labels: Record<string, string>;
  @Column('text') type: string;
  @Column('jsonb') params: Record<string, unknown>;
  @Column('float8', { name: 'timeout_seconds' }) timeoutSeconds: number;
  @Column('int', { nullable: true }) concurrency: number | null;
  @Column('int', { name: 'target_concurrency', nullable: true }) targetConcurrency: number | null;
  /** Host that its requests go to; see `Action.target`. */
  @Column('text', { nullable: true }) target: string | null;
  @Column('jsonb') retry: { attempts: number; backoffSeconds: number; maxBackoffSeconds: number };
}

/** Metric of a service. */
export interface MetricChoice extends MappingChoice {
  timeoutSeconds: number;
  /** True when a polled metric also accepts numbers that are sent for it. */
  acceptsPushed?: boolean;
  /** Window function over its readings of the last so many seconds. */
  window?: { function: string; seconds: number; minSamples?: number };
}

/** What a service depends on: it does not act while that is in one of the phases. */
export interface Dependency {
  /** Id of the other service; absent where `match` says which. */
  service?: string;
  /** Labels that the other has. */
  match?: Record<string, string>;
  /** Labels whose values both have alike. */
  equal: string[];
  whenPhase: string[];
}

@Entity('services')
export class ServiceRow extends DefinitionRow {
  @Column('text') description: string;
  @Column('jsonb') labels: Record<string, string>;
  @Column('bool') enabled: boolean;
  @Column('int', { name: 'interval_seconds' }) intervalSeconds: number;
  /** Slot of its interval at which it is due; see `common/ids.ts`. */
  @Column('int') slot: number;
  /** True when at least one of its metrics is polled. */
  @Column('bool') polled: boolean;
  @Column('jsonb') metrics: Record<string, MetricChoice>;
  /** Ids of sample series by metric name; a metric that was removed and comes back keeps its history. */
  @Column('jsonb') series: Record<string, number>;
  @Column('text') condition: string;
  @Column('text', { nullable: true }) recovery: string | null;
  @Column('float8', { name: 'hold_seconds' }) holdSeconds: number;
  @Column('float8', { name: 'wisdom_seconds' }) wisdomSeconds: number;
  @Column('bool') repeat: boolean;
  @Column('text', { name: 'missing_data' }) missingData: 'hold' | 'reset' | 'breach' | 'ok';
  @Column('uuid', { name: 'infrastructure_id', nullable: true }) infrastructureId: string | null;
  @Column('text', { nullable: true }) direction: 'up' | 'down' | null;
  @Column('jsonb') policy: MappingChoice;
  /** Ids of its actions in the given order; `service_actions` holds the foreign keys. */
  @Column('uuid', { name: 'action_ids', array: true }) actionIds: string[];
  /** Steps after the first trigger, while its alarm lasts. */
  @Column('jsonb') escalations: { afterSeconds: number; actionIds: string[] }[];
  /** Condition that is to become true after a trigger. */
  @Column('jsonb', { nullable: true }) expect: { condition: string; withinSeconds: number } | null;
  /** Ids of the actions for the end of an alarm that has triggered. */
  @Column('uuid', { name: 'recovery_action_ids', array: true }) recoveryActionIds: string[];
  @Column('text') mode: 'auto' | 'shadow' | 'approve';
  @Column('float8', { name: 'approval_ttl_seconds' }) approvalTtlSeconds: number;
  /** True when whoever last changed it may not approve its executions. */
  @Column('bool', { name: 'approval_by_other' }) approvalByOther: boolean;
  /** Ids of the actions that tell people of its executions that wait for approval. */
  @Column('uuid', { name: 'approval_action_ids', array: true }) approvalActionIds: string[];
  @Column('int', { name: 'max_actions_per_hour', nullable: true }) maxActionsPerHour: number | null;
  @Column('jsonb', { name: 'depends_on' }) dependsOn: Dependency[];
}

@Entity('sources')
export class SourceRow extends DefinitionRow {
  @Column('text') format: string;
  @Column('jsonb') params: Record<string, unknown>;
  /** Seconds of silence after which it raises an alert; null for never. */
  @Column('float8', { name: 'silent_after_seconds', nullable: true }) silentAfterSeconds: number | null;
  /** Names or ids of the services it may send alerts for; null for all. */
  @Column('text', { array: true, nullable: true }) services: string[] | null;
  /** Labels that its alerts must carry. */
  @Column('jsonb') labels: Record<string, string>;
  /** Labels that are added to its alerts. */
  @Column('jsonb', { name: 'add_labels' }) addLabels: Record<string, string>;
  /** SHA-256 of its token. */
  @Column('bytea', { name: 'token_hash' }) tokenHash: Buffer;
}

/** Who is told of what happens, by which action. */
@Entity('contacts')
export class ContactRow extends DefinitionRow {
  @Column('text') description: string;
  /** Labels of the services that it is told of; none for everything. */
  @Column('jsonb') labels: Record<string, string>;
  @Column('uuid', { name: 'action_id' }) actionId: string;
  @Column('text', { array: true }) events: string[];
  @Column('jsonb', { nullable: true })
  schedule: { rrule: string; timeZone: string; durationSeconds: number } | null;
  @Column('int', { name: 'max_per_hour' }) maxPerHour: number;
  @Column('float8', { name: 'group_seconds' }) groupSeconds: number;
  @Column('float8', { name: 'blind_for_seconds' }) blindForSeconds: number;
  /** Moment since which each event is asked for; what ended badly before is not told. */
  @Column('jsonb', { name: 'asked_since' }) askedSince: Record<string, string>;
}

@Entity('users')
export class UserRow extends DefinitionRow {
  @Column('text', { name: 'display_name' }) displayName: string;
  @Column('text', { nullable: true }) email: string | null;
  /** Groups by which grants can name the user, beside those that a provider says. */
  @Column('text', { array: true }) groups: string[];
  @Column('bool') disabled: boolean;
  /** Null for whoever signs in by a provider alone. */
  @Column('text', { name: 'password_hash', nullable: true }) passwordHash: string | null;
  /** Written by signing in. */
  @Column({ type: 'timestamptz', name: 'last_sign_in_at', nullable: true, insert: false, update: false })
  lastSignInAt: Date | null;
}

export const ENTITIES = [InfrastructureRow, ActionRow, ServiceRow, SourceRow, UserRow, ContactRow];
