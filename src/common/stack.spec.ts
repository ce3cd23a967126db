import { stackOf } from './stack';

test('tells where it was thrown and what caused it, and nothing else that an error holds', () => {
  const cause = Object.assign(new Error('the cause'), { command: { args: ['hush-hush'] } });
  const told = stackOf(new Error('it failed', { cause }));
  expect(told).toMatch(/^Error: it failed\n +at .*caused by: Error: the cause\n +at /s);
  expect(told).not.toContain('hush');
});

test('has an end', () => {
  const error = new Error('its own cause');
  error.cause = error;
  expect(stackOf(error).match(/caused by/g)).toHaveLength(5);
});

test.each([[undefined], [null], [{ password: 'hush-hush' }], [7]])('%p is no error', (thrown) => {
  expect(stackOf(thrown)).toBe('what was thrown is no error');
});
