import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { ActionsModule } from './actions/actions.module';
import { AlertsModule } from './alerts/alerts.module';
import { TrapsModule } from './traps/traps.module';
import { LongAnswers } from './api/long-answers';
import { AsCaller, AuthGuard } from './auth/auth';
import { IdentitiesModule } from './auth/identities';
import { CommonModule } from './common/common.module';
import { ProblemFilter } from './common/problem.filter';
import { ContactsModule } from './contacts/contacts.module';
import { DatabaseModule } from './database/database.module';
import { Health } from './health/health';
import { HealthController } from './health/health.controller';
import { Processes } from './health/processes';
import { HistoryModule } from './history/history.module';
import { InfrastructuresModule } from './infrastructures/infrastructures.module';
import { KillSwitchModule } from './kill-switch/kill-switch.module';
import { LoadBalancersModule } from './load-balancers/load-balancers.module';
import { PeopleModule } from './people/people.module';
import { MetricsModule } from './metrics/metrics.module';
import { SigningInModule } from './people/signing-in.module';
import { PollingModule } from './polling/polling.module';
import { QueueModule } from './queue/queue.module';
import { PoliciesModule } from './policies/policies.module';
import { RulesModule } from './rules/rules.module';
import { ServicesModule } from './services/services.module';
import { RulesDirectoryModule } from './rules-directory/rules-directory.module';
import { SilencesModule } from './silences/silences.module';
import { TransferModule } from './transfer/transfer.module';
import type { Config, Role } from './config/config';
import type { RoleParts } from './role-parts';

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

/** Parts of each role, which are loaded where a process has it. */
const PARTS: Record<Role, (config: Config) => Promise<RoleParts>> = {
  api: async () => (await import('./api.role.js')).api,
  scheduler: async () => (await import('./scheduler.role.js')).scheduler,
  worker: async ({ queues }) => (await import('./worker.role.js')).worker(queues),
  trap: async () => (await import('./trap.role.js')).trap,
};

@Module({})
export class AppModule {
  /** Returns the program's module for the roles of its configuration. */
  static async with(config: Config): Promise<DynamicModule> {
    const parts = await Promise.all(config.roles.map((role) => PARTS[role](config)));
    return {
      module: AppModule,
      imports: [CommonModule.with(config), DatabaseModule, IdentitiesModule, QueueModule, ...ROOMS],
      controllers: [HealthController, ...parts.flatMap(({ controllers = [] }) => controllers)],
      providers: [
        ...parts.flatMap(({ runs }) => runs),
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
