import type { Command } from 'commander';
import type { Plan } from '../../transfer/import';
import type { Connect } from '../client';
import { readText, typeOf } from '../files';
import { planText } from '../plan-text';

/** Adds `monscale import`, which creates and changes what a document defines. */
export function addImport(program: Command, connect: Connect): void {
  program
    .command('import')
    .description('create and change what a document defines, all or nothing; nothing is deleted')
    .argument('<file>', 'a document, JSON or YAML, or what monscale 2014 exported; - is the standard input')
    .option('--skip-unmappable', 'leave out what of an export of monscale 2014 can not be taken')
    .action(async (file: string, options: { skipUnmappable?: boolean }, command: Command) => {
      const query = options.skipUnmappable ? '?skip=unmappable' : '';
      const plan = await connect(command).post<Plan>(`/import${query}`, readText(file), typeOf(file));
      console.log(planText(plan));
    });
}
