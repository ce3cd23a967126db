import { Injectable, Logger } from '@nestjs/common';
import { Choice, Text } from '../../common/fields';
import { ActionMapping, type Action, type ActionContext, type ActionResult } from '../action';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
type Level = (typeof LEVELS)[number];

const METHODS = { debug: 'debug', info: 'log', warn: 'warn', error: 'error' } as const satisfies Record<
  Level,
  keyof Logger
>;

export class LogMessageParams {
  @Text({
    description: 'What the line says',
    template: 'text',
    minLength: 1,
    example: '{{ service.name }} wants {{ nodes.desired }} nodes',
  })
  message: string;

  @Choice(LEVELS, { description: 'Level of the line' })
  level: Level = 'info';
}

@ActionMapping({
  type: 'log_message',
  title: 'Log message',
  description: "Writes one line to monscale's own log",
  params: LogMessageParams,
  capacity: 'none',
})
@Injectable()
export class LogMessage implements Action<LogMessageParams> {
  private readonly logger = new Logger('LogMessage');

  async execute(params: LogMessageParams, context: ActionContext): Promise<ActionResult> {
    this.logger[METHODS[params.level]](this.preview(params, context));
    return { detail: `logged at level ${params.level}` };
  }

  preview({ message }: LogMessageParams, { executionId, variables }: ActionContext) {
    const { name } = (variables.service ?? {}) as { name?: string };
    // One line, whatever the variables hold.
    return { msg: message.replace(/\s*[\r\n\u2028\u2029]+\s*/g, ' '), execution: executionId, service: name };
  }

  /** Returns true: a duplicate line does no harm. */
  idempotent(): boolean {
    return true;
  }
}
