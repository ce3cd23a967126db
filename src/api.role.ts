import { ActionTests } from './actions/action-tests';
import { ApprovalController } from './actions/approval.controller';
import { ActionsController } from './actions/actions.controller';
import { ExecutionsController } from './actions/executions.controller';
import { ShownAlerts } from './alerts/shown-alerts';
import { ShownExecutions } from './actions/shown-executions';
import { AlertsController } from './alerts/alerts.controller';
import { EmulatedController } from './alerts/emulated.controller';
import { SourcesController } from './alerts/sources.controller';
import { TrapController } from './alerts/trap.controller';
import { MibsController } from './traps/mibs.controller';
import { TrapSourcesController } from './traps/trap-sources.controller';
import { FastIngestRoute } from './alerts/fast-ingest-route';
import { AuditController } from './audit/audit.controller';
import { AuditLog } from './audit/audit-log';
import { CatalogueController } from './catalogue/catalogue.controller';
import { AssetsController } from './console/assets.controller';
import { ContactsController } from './contacts/contacts.controller';
import { ContactVersionsController } from './contacts/contact-versions.controller';
import { ConsoleFiles } from './console/files';
import { Changes } from './events/changes';
import { EventFeed } from './events/event-feed';
import { EventsController } from './events/events.controller';
import { Scaling } from './health/scaling';
import { ScalingController } from './health/scaling.controller';
import { SystemController } from './health/system.controller';
import { Points } from './history/points';
import { SamplesController } from './services/samples.controller';
import { InfrastructuresController } from './infrastructures/infrastructures.controller';
import { LoadBalancerController } from './infrastructures/load-balancer.controller';
import { KillSwitchController } from './kill-switch/kill-switch.controller';
import { GrantsController } from './people/grants.controller';
import { TokensController } from './people/tokens.controller';
import { UsersController } from './people/users.controller';
import { FirstRun } from './people/first-run';
import { OidcController } from './people/oidc.controller';
import { SessionController } from './people/session.controller';
import { SignInSweep } from './people/sign-in-sweep';
import { Tools } from './polling/tools';
import { ToolsController } from './polling/tools.controller';
import { CapacityController } from './rules/capacity.controller';
import { Decisions } from './rules/decisions';
import { PastValues } from './rules/past-values';
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
import { ServiceVersionsController } from './services/service-versions.controller';
import { InfrastructureVersionsController } from './infrastructures/infrastructure-versions.controller';
import { ActionVersionsController } from './actions/action-versions.controller';
import { SourceVersionsController } from './alerts/source-versions.controller';
import { RulesDirectoryController } from './rules-directory/rules-directory.controller';
import { SilencesController } from './silences/silences.controller';
import { TransferController } from './transfer/transfer.controller';
import { StoredReferences } from './transfer/stored-references';
import type { RoleParts } from './role-parts';

/** What the role `api` answers and runs. */
export const api = {
  controllers: [
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
  runs: [
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
} satisfies RoleParts;
