import { randomBytes } from 'node:crypto';
import { Global, Module, type DynamicModule, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CommonModule } from '../common/common.module';
import { InvalidInput, type FieldError } from '../common/errors';
import { readConfig } from '../config/config';
import { Database } from '../database/database';
import { SignOfLife } from '../database/sign-of-life';
import type { InfrastructureRow, ServiceRow } from '../database/entities';
import { LocalDispatch } from '../queue/local-dispatch';
import { Queues } from '../queue/queues';
import { Rechecks } from '../queue/rechecks';
import { RuleCompiler } from '../rules/rule-compiler';
import { RulesModule } from '../rules/rules.module';
import { firstNodes, type SimulatedRule } from '../simulation/play';
import { entriesOf } from '../transfer/document';
import { Import } from '../transfer/import';
import { TransferModule } from '../transfer/transfer.module';

/** Stand-in for the database: nothing is stored here, and nothing runs. */
const NO_DATABASE = { entities: () => Promise.resolve([]) };

@Global()
@Module({
  providers: [
    { provide: Database, useValue: NO_DATABASE },
    { provide: SignOfLife, useValue: {} },
    { provide: Queues, useValue: {} },
    { provide: LocalDispatch, useValue: {} },
    { provide: Rechecks, useValue: {} },
  ],
  exports: [Database, SignOfLife, Queues, LocalDispatch, Rechecks],
})
class NothingStored {}

@Module({})
class OfflineModule {
  static make(): DynamicModule {
    // What is sealed here is opened here, and forgotten.
    const settings = readConfig({ MONSCALE_SECRET_KEY: randomBytes(32).toString('base64') });
    // Where a server keeps its secrets is its own affair.
    const config = { ...settings, secretsFolders: ['/'] };
    return {
      module: OfflineModule,
      imports: [CommonModule.with(config), NothingStored, RulesModule, TransferModule],
    };
  }
}

/** Checks the definitions of a document as on save and makes them ready for simulation, without a server. */
export class Offline {
  private constructor(private readonly context: INestApplicationContext) {}

  static async start(): Promise<Offline> {
    return new Offline(
      await NestFactory.createApplicationContext(OfflineModule.make(), { logger: ['error'] }),
    );
  }

  /**
   * Returns the services of a document by name.
   *
   * @throws InvalidInput naming every error in the document
   */
  async rules(document: object): Promise<Map<string, (nodes?: number) => SimulatedRule>> {
    const errors: FieldError[] = [];
    const { drafts } = await this.context.get(Import).drafted(entriesOf(document, errors), errors);
    if (errors.length > 0) throw new InvalidInput(errors);
    const infrastructures = new Map(
      drafts.infrastructures.map(({ row }) => [row.id, row as InfrastructureRow]),
    );
    const compiler = this.context.get(RuleCompiler);
    return new Map(
      drafts.services.map(({ row }) => {
        const service = row as ServiceRow;
        const infrastructure = infrastructures.get(service.infrastructureId ?? '');
        const compiled = compiler.compile(service, infrastructure);
        return [
          row.name,
          (nodes) => ({ compiled, nodes: nodes ?? firstNodes(service, infrastructure) }),
        ] as const;
      }),
    );
  }

  close(): Promise<void> {
    return this.context.close();
  }
}
