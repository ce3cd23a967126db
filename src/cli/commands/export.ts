import { writeFileSync } from 'node:fs';
import { Option, type Command } from 'commander';
import type { Connect } from '../client';

/** Adds `monscale export`, which writes every definition as one document. */
export function addExport(program: Command, connect: Connect): void {
  program
    .command('export')
    .description('write every definition as one document, secrets left out')
    .option('--file <file>', 'write it there instead of printing it')
    .addOption(
      new Option('--format <format>', 'by default as the file is named, else yaml').choices(['json', 'yaml']),
    )
    .action(async ({ file, format }: { file?: string; format?: string }, command: Command) => {
      const isJson = format === undefined ? file?.endsWith('.json') : format === 'json';
      const answer = await connect(command).get<string | object>(
        `/export?format=${isJson ? 'json' : 'yaml'}`,
      );
      const text = typeof answer === 'string' ? answer : `${JSON.stringify(answer, undefined, 2)}\n`;
      if (file === undefined) process.stdout.write(text);
      else writeFileSync(file, text);
    });
}
