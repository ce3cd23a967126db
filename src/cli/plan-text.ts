import type { Plan } from '../transfer/import';
import { linesOf } from './client';

/** Returns a plan for people: `+` is created, `~` changed and where, `-` deleted, `=` stays, `!` is left out. */
export function planText(plan: Plan): string {
  const { dryRun, created, updated, unchanged, deleted = [], kept = [], skipped = [], notes = [] } = plan;
  const lines = [
    ...created.map(
      ({ kind, name, token }) => `+ ${kind} ${name}${token ? `\n    token, shown this once: ${token}` : ''}`,
    ),
    ...updated.map(({ kind, name, changes }) => `~ ${kind} ${name}\n    ${changes.join('\n    ')}`),
    ...deleted.map(({ kind, name }) => `- ${kind} ${name}`),
    ...kept.map(({ kind, name, detail }) => `! ${kind} ${name} stays\n    ${detail}`),
    ...unchanged.map(({ kind, name }) => `= ${kind} ${name}`),
    ...skipped.map(({ kind, name, detail }) => `! ${kind} ${name} is left out\n    ${detail}`),
    ...linesOf(notes).map((line) => `note: ${line}`),
  ];
  const [create, change] = dryRun ? ['to create', 'to change'] : ['created', 'changed'];
  const counts = [
    `${created.length} ${create}`,
    `${updated.length} ${change}`,
    `${unchanged.length} unchanged`,
  ];
  if (plan.deleted !== undefined) counts.push(`${deleted.length} ${dryRun ? 'to delete' : 'deleted'}`);
  if (skipped.length > 0) counts.push(`${skipped.length} left out`);
  return [...lines, counts.join(', ')].join('\n');
}
