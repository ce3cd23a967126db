import type { Command } from 'commander';
import type { Plan } from '../../transfer/import';
import { linesOf, Refused, type Connect } from '../client';
import { readText, typeOf } from '../files';
import { planText } from '../plan-text';

const CHANGES = 2;

/** Adds `monscale plan`, which shows what an import would do. */
export function addPlan(program: Command, connect: Connect): void {
  program
    .command('plan')
    .description('show what an import would do; exit code 0: nothing, 2: changes, 1: mistakes')
    .argument('<file>', 'a document, JSON or YAML; - is the standard input')
    .option('--skip-unmappable', 'leave out what of an export of monscale 2014 can not be taken')
    .action(async (file: string, options: { skipUnmappable?: boolean }, command: Command) => {
      const query = `?dryRun=true${options.skipUnmappable ? '&skip=unmappable' : ''}`;
      const plan = await connect(command).post<Plan>(`/import${query}`, readText(file), typeOf(file));
      if (plan.errors.length > 0) throw new Refused(linesOf(plan.errors));
      console.log(planText(plan));
      if (plan.created.length + plan.updated.length > 0) process.exitCode = CHANGES;
    });
}
