import { Logger } from '@nestjs/common';
import { check } from '../../common/check';
import type { ActionContext } from '../action';
import { rendered } from '../rendering';
import { LogMessage, LogMessageParams } from './log-message.action';

describe('log_message', () => {
  const action = new LogMessage();
  const variables = { service: { id: 's1', name: 'web' }, nodes: { desired: 3 } };
  const context: ActionContext = {
    signal: new AbortController().signal,
    timeoutMs: 1_000,
    now: new Date(),
    executionId: 'e-1',
    variables,
  };

  afterEach(() => jest.restoreAllMocks());

  it.each([
    ['debug', 'debug'],
    ['info', 'log'],
    ['warn', 'warn'],
    ['error', 'error'],
  ] as const)('%s is one line at that level, with execution and service', async (level, method) => {
    const written = jest.spyOn(Logger.prototype, method).mockImplementation();
    const { value } = check(LogMessageParams, {
      message: '{{ service.name }} wants\r\n {{ nodes.desired }}',
      level,
    });
    expect(await action.execute(rendered(LogMessageParams, value!, variables), context)).toEqual({
      detail: `logged at level ${level}`,
    });
    expect(written.mock.calls).toEqual([[{ msg: 'web wants 3', execution: 'e-1', service: 'web' }]]);
  });

  it('is written at info unless told otherwise, and may be repeated', () => {
    expect(check(LogMessageParams, { message: 'm' }).value).toEqual({ message: 'm', level: 'info' });
    expect(action.idempotent()).toBe(true);
  });

  it.each([
    [{}, '/message'],
    [{ message: '' }, '/message'],
    [{ message: '{{' }, '/message'],
    [{ message: 'm', level: 'fatal' }, '/level'],
  ])('%j is refused', (given, pointer) => {
    expect(check(LogMessageParams, given).errors).toEqual([{ pointer, detail: expect.any(String) }]);
  });
});
