import type { Command } from 'commander';
import type { Plan } from '../../transfer/import';
import { linesOf, Refused, type Connect } from '../client';
import { readText, typeOf } from '../files';
import { planText } from '../plan-text';

/** Exit code of a dry run that would change something. */
const CHANGES = 2;

interface Options {
  set: string;
  prune?: boolean;
  dryRun?: boolean;
  force?: boolean;
}

/** Adds `monscale apply`, an import that remembers what it made, and can delete that later. */
export function addApply(program: Command, connect: Connect): void {
  program
    .command('apply')
    .description('create and change what a document defines, and remember what was created by it')
    .argument('<file>', 'a document, JSON or YAML; - is the standard input')
    .option('--prune', 'delete what an earlier apply of the set created and the document no longer has')
    .option('--set <name>', 'name of the set that the document is', 'default')
    .option('--dry-run', 'show what it would do; exit code 0: nothing, 2: changes, 1: mistakes')
    .option('--force', 'change also what the rules directory manages, until its files change next')
    .action(async (file: string, { set, prune, dryRun, force }: Options, command: Command) => {
      const query = new URLSearchParams({ set });
      if (prune) query.set('prune', 'true');
      if (dryRun) query.set('dryRun', 'true');
      if (force) query.set('force', 'true');
      const path = `/import?${query.toString()}`;
      const plan = await connect(command).post<Plan>(path, readText(file), typeOf(file));
      if (plan.errors.length > 0) throw new Refused(linesOf(plan.errors));
      console.log(planText(plan));
      const changes = [plan.created, plan.updated, plan.deleted ?? []].some(({ length }) => length > 0);
      if (dryRun && changes) process.exitCode = CHANGES;
    });
}
