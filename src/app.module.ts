import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { ActionTests } from './actions/action-tests';
import { ApprovalController } from './actions/approval.controller';
import { ActionsController } from './actions/actions.controller';
import { ActionsModule } from './actions/actions.module';
import { ExecutionSweep } from './actions/execution-sweep';
import { ExecutionsController } from './actions/executions.controller';
import { Executor } from './actions/executor';
import { AlertSweep } from './alerts/alert-sweep';
import { ShownAlerts } from './alerts/shown-alerts';
import { ShownExecutions } from './actions/shown-executions';
import { AlertsController } from './alerts/alerts.controller';
import { AlertsModule } from './alerts/alerts.module';
import { EmulatedController } from './alerts/emulated.controller';
import { SilentSources } from './alerts/silent-sources';
import { SourcesController } from './alerts/sources.controller';
import { TrapController } from './alerts/trap.controller';
import { MibsController } from './traps/mibs.controller';
import { TrapSourcesController } from './traps/trap-sources.controller';
import { TrapsModule } from './traps/traps.module';
import { TrapListener } from './traps/trap-listener';
import { FastIngestRoute } from './alerts/fast-ingest-route';
import { LongAnswers } from './api/long-answers';
import { AuditController } from './audit/audit.controller';
import { AuditLog } from './audit/audit-log';
import { AuditRetention } from './audit/audit-retention';
import { AsCaller, AuthGuard } from './auth/auth';
import { IdentitiesModule } from './auth/identities';
import { CatalogueController } from './catalogue/catalogue.controller';
import { CommonModule } from './common/common.module';
import { ProblemFilter } from './common/problem.filter';
import type { Config, QueueName, Role } from './config/config';
import { AssetsController } from './console/assets.controller';
import { ContactsController } from './contacts/contacts.controller';
import { ContactVersionsController } from './contacts/contact-versions.controller';
import { ContactSweep } from './contacts/contact-sweep';
import { ContactsModule } from './contacts/contacts.module';
import { ConsoleFiles } from './console/files';
import { DatabaseModule } from './database/database.module';
import { Changes } from './events/changes';
import { EventFeed } from './events/event-feed';
import { EventsController } from './events/events.controller';
import { Health } from './health/health';
import { HealthController } from './health/health.controller';
import { Scaling } from './health/scaling';
import { ScalingController } from './health/scaling.controller';
import { StateMetrics } from './health/state-metrics';
import { Processes } from './health/processes';
import { SystemController } from './health/system.controller';
import { HistoryModule } from './history/history.module';
import { Points } from './history/points';
import { Retention } from './history/retention';
import { RollUps } from './history/roll-ups';
import { SamplesController } from './services/samples.controller';
import { InfrastructuresController } from './infrastructures/infrastructures.controller';
import { InfrastructuresModule } from './infrastructures/infrastructures.module';
import { LoadBalancerController } from './infrastructures/load-balancer.controller';
import { KillSwitchController } from './kill-switch/kill-switch.controller';
import { KillSwitchModule } from './kill-switch/kill-switch.module';
import { LoadBalancerSweep } from './load-balancers/load-balancer-sweep';
import { LoadBalancerSync } from './load-balancers/load-balancer-sync';
import { LoadBalancersModule } from './load-balancers/load-balancers.module';
import { GrantsController } from './people/grants.controller';
import { PeopleModule } from './people/people.module';
import { TokensController } from './people/tokens.controller';
import { UsersController } from './people/users.controller';
import { MetricsModule } from './metrics/metrics.module';
import { FirstRun } from './people/first-run';
import { OidcController } from './people/oidc.controller';
import { SessionController } from './people/session.controller';
import { SignInSweep } from './people/sign-in-sweep';
import { SigningInModule } from './people/signing-in.module';
import { PollingModule } from './polling/polling.module';
import { PollScheduler } from './polling/poll-scheduler';
import { Tools } from './polling/tools';
import { ToolsController } from './polling/tools.controller';
import { QueueModule } from './queue/queue.module';
import { AlertsProcessor } from './rules/alerts.processor';
import { CapacityController } from './rules/capacity.controller';
import { Decisions } from './rules/decisions';
import { PastValues } from './rules/past-values';
import { PoliciesModule } from './policies/policies.module';
import { MomentsAheadSweep } from './rules/moments-ahead-sweep';
import { PollsProcessor } from './rules/polls.processor';
import { RulesModule } from './rules/rules.module';
import { ServiceList } from './rules/service-list';
import { ServicesBulkController } from './rules/services-bulk.controller';
import { HeldExecutionsController } from './actions/held-executions.controller';
import { ActionsBulkController } from './actions/actions-bulk.controller';
import { InfrastructuresBulkController } from './infrastructures/infrastructures-bulk.controller';
import { ServiceListController } from './rules/service-list.controller';
import { ServicePairs } from './rules/service-pairs';
import { ServiceStates } from './rules/service-states';
import { ServiceStatesController } from './rules/service-states.controller';
import { NodeRechecks } from './rules/rechecks';
import { Recordings } from './simulation/recordings';
import { Simulations } from './simulation/simulations';
import { SimulationsController } from './simulation/simulations.controller';
import { UnpolledSweep } from './rules/unpolled-sweep';
import { ServicesController } from './services/services.controller';
import { ServicesModule } from './services/services.module';
import { ServiceVersionsController } from './services/service-versions.controller';
import { InfrastructureVersionsController } from './infrastructures/infrastructure-versions.controller';
import { ActionVersionsController } from './actions/action-versions.controller';
import { SourceVersionsController } from './alerts/source-versions.controller';
import { RulesDirectory } from './rules-directory/rules-directory';
import { RulesDirectoryController } from './rules-directory/rules-directory.controller';
import { RulesDirectoryModule } from './rules-directory/rules-directory.module';
import { SilenceSweep } from './silences/silence-sweep';
import { SilencesController } from './silences/silences.controller';
import { SilencesModule } from './silences/silences.module';
import { TransferController } from './transfer/transfer.controller';
import { StoredReferences } from './transfer/stored-references';
import { TransferModule } from './transfer/transfer.module';

/** Modules of all roles: they offer their providers, and start nothing. */
const ROOMS = [
  SigningInModule,
  KillSwitchModule,
  InfrastructuresModule,
  ServicesModule,
  MetricsModule,
  PollingModule,
  LoadBalancersModule,
  AlertsModule,
  TrapsModule,
  PoliciesModule,
  RulesModule,
  ActionsModule,
  HistoryModule,
  TransferModule,
  RulesDirectoryModule,
  PeopleModule,
  SilencesModule,
  ContactsModule,
];

/** Controllers of each role; `/health` and `/metrics` are there in every role. */
const CONTROLLERS: Record<Role, Type[]> = {
  api: [
    SessionController,
    OidcController,
    CatalogueController,
    CapacityController,
    LoadBalancerController,
    InfrastructuresController,
    ActionsController,
    ServiceListController,
    ServicesBulkController,
    ActionsBulkController,
    InfrastructuresBulkController,
    ServiceStatesController,
    SamplesController,
    ServicesController,
    HeldExecutionsController,
    ExecutionsController,
    ApprovalController,
    AlertsController,
    SourcesController,
    TrapSourcesController,
    MibsController,
    TrapController,
    EmulatedController,
    ServiceVersionsController,
    InfrastructureVersionsController,
    ActionVersionsController,
    SourceVersionsController,
    AuditController,
    KillSwitchController,
    TransferController,
    RulesDirectoryController,
    SimulationsController,
    ToolsController,
    UsersController,
    GrantsController,
    TokensController,
    AssetsController,
    SilencesController,
    ContactsController,
    ContactVersionsController,
    ScalingController,
    EventsController,
    SystemController,
  ],
  scheduler: [],
  worker: [],
  trap: [],
};

/** Providers that each role runs: they start with the program, and drain when it stops. */
const RUNS: Record<Role, Type[]> = {
  api: [
    FirstRun,
    SignInSweep,
    FastIngestRoute,
    ShownAlerts,
    ShownExecutions,
    AuditLog,
    UnpolledSweep,
    ActionTests,
    ServiceList,
    ServiceStates,
    ServicePairs,
    PastValues,
    Decisions,
    Recordings,
    NodeRechecks,
    Simulations,
    Tools,
    Points,
    StoredReferences,
    ConsoleFiles,
    Scaling,
    Changes,
    EventFeed,
  ],
  // Says what is due; puts back what Redis lost; notices silence; makes and drops partitions; rolls samples up; applies
  // rules from files.
  scheduler: [
    PollScheduler,
    UnpolledSweep,
    MomentsAheadSweep,
    AlertSweep,
    SilentSources,
    ExecutionSweep,
    LoadBalancerSweep,
    RollUps,
    Retention,
    AuditRetention,
    SilenceSweep,
    ContactSweep,
    StateMetrics,
    RulesDirectory,
  ],
  // One processor for each queue it serves; see SERVES.
  worker: [],
  // Receives SNMP notifications over UDP.
  trap: [TrapListener],
};

/** Processors that a worker runs for each queue. */
const SERVES: Record<QueueName, Type[]> = {
  // Read metrics, evaluate.
  polls: [PollsProcessor],
  // Match alerts, evaluate.
  alerts: [AlertsProcessor],
  // Execute, verify; make load balancers follow.
  actions: [Executor, LoadBalancerSync],
};

@Module({})
export class AppModule {
  /** Returns the program's module for the roles of its configuration. */
  static with(config: Config): DynamicModule {
    const serves = config.roles.includes('worker') ? config.queues.flatMap((queue) => SERVES[queue]) : [];
    return {
      module: AppModule,
      imports: [CommonModule.with(config), DatabaseModule, IdentitiesModule, QueueModule, ...ROOMS],
      controllers: [HealthController, ...config.roles.flatMap((role) => CONTROLLERS[role])],
      providers: [
        ...config.roles.flatMap((role) => RUNS[role]),
        ...serves,
        Health,
        Processes,
        { provide: APP_GUARD, useClass: AuthGuard },
        { provide: APP_FILTER, useClass: ProblemFilter },
        { provide: APP_INTERCEPTOR, useClass: AsCaller },
        { provide: APP_INTERCEPTOR, useClass: LongAnswers },
      ],
    };
  }
}
