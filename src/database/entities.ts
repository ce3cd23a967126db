import { Column, Entity, PrimaryColumn } from 'typeorm';

/**
 * What users define, as rows. Everything else (state, ledger, executions, alerts, samples) is on a hot path and is
 * read and written by SQL of its own, in batches.
 */
export abstract class DefinitionRow {
  @PrimaryColumn('uuid') id: string;
  @Column('text') name: string;
  @Column('int') version: number;
  @Column('timestamptz', { name: 'created_at' }) createdAt: Date;
  @Column('timestamptz', { name: 'updated_at' }) updatedAt: Date;
}

/** A mapping chosen by name, with its params; secrets sealed. */
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
  @Column('text') type: string;
  @Column('jsonb') params: Record<string, unknown>;
  @Column('float8', { name: 'timeout_seconds' }) timeoutSeconds: number;
  @Column('int', { nullable: true }) concurrency: number | null;
  @Column('int', { name: 'target_concurrency', nullable: true }) targetConcurrency: number | null;
  /** Where its requests go to; see `Action.target`. */
  @Column('text', { nullable: true }) target: string | null;
  @Column('jsonb') retry: { attempts: number; backoffSeconds: number; maxBackoffSeconds: number };
}

/** A metric of a service. */
export interface MetricChoice extends MappingChoice {
  timeoutSeconds: number;
  /** It is polled, and takes numbers that are sent for it all the same. */
  acceptsPushed?: boolean;
  /** Its number is made of its readings of the last so many seconds. */
  window?: { function: string; seconds: number; minSamples?: number };
}

@Entity('services')
export class ServiceRow extends DefinitionRow {
  @Column('text') description: string;
  @Column('jsonb') labels: Record<string, string>;
  @Column('bool') enabled: boolean;
  @Column('int', { name: 'interval_seconds' }) intervalSeconds: number;
  /** Where in its interval it is due; see `common/ids.ts`. */
  @Column('int') slot: number;
  /** At least one of its metrics is polled. */
  @Column('bool') polled: boolean;
  @Column('jsonb') metrics: Record<string, MetricChoice>;
  /** Metric name -> id of its samples; a metric that is removed and comes back goes on with its history. */
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
  /** Ids of its actions, in the order they were given; `service_actions` holds the references. */
  @Column('uuid', { name: 'action_ids', array: true }) actionIds: string[];
  /** Steps after the first trigger, while its alarm lasts. */
  @Column('jsonb') escalations: { afterSeconds: number; actionIds: string[] }[];
  /** What is to become true after a trigger. */
  @Column('jsonb', { nullable: true }) expect: { condition: string; withinSeconds: number } | null;
  /** Executed when an alarm that triggered has ended. */
  @Column('uuid', { name: 'recovery_action_ids', array: true }) recoveryActionIds: string[];
  @Column('text') mode: 'auto' | 'shadow' | 'approve';
  @Column('float8', { name: 'approval_ttl_seconds' }) approvalTtlSeconds: number;
  @Column('int', { name: 'max_actions_per_hour', nullable: true }) maxActionsPerHour: number | null;
}

@Entity('sources')
export class SourceRow extends DefinitionRow {
  @Column('text') format: string;
  @Column('jsonb') params: Record<string, unknown>;
  /** Its silence of so many seconds is an alert. */
  @Column('float8', { name: 'silent_after_seconds', nullable: true }) silentAfterSeconds: number | null;
  /** Names or ids of the services it may speak for; null: all. */
  @Column('text', { array: true, nullable: true }) services: string[] | null;
  /** What its alerts must carry. */
  @Column('jsonb') labels: Record<string, string>;
  /** What is added to its alerts. */
  @Column('jsonb', { name: 'add_labels' }) addLabels: Record<string, string>;
  /** SHA-256 of its token. */
  @Column('bytea', { name: 'token_hash' }) tokenHash: Buffer;
}

export const ENTITIES = [InfrastructureRow, ActionRow, ServiceRow, SourceRow];
