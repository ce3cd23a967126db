import { excerptOf } from './excerpt';
import { executionAsJson, withOwnBody, withoutOwnBody } from './execution-body';

const ID = '0197f3a2-7c1e-7000-8000-000000000001';
const VARIABLES = {
  service: { name: 'web', labels: { team: 'shop' } },
  trigger: { justification: 'load is 7, over 5' },
  values: { load: 7 },
  secretOfOne: 'not told',
};

/** Request that tells of the execution, as it is kept. */
const kept = (body: string, secrets: readonly string[] = []) =>
  excerptOf({ method: 'POST', url: 'http://hooks.example.com', body }, secrets);

describe('the record of a request', () => {
  const own = executionAsJson(ID, VARIABLES);

  it.each([
    ['short', VARIABLES],
    ['cut', { ...VARIABLES, message: 'long '.repeat(1_000) }],
  ])('leaves out the execution as its row says it, and is shown with it: %s', (_, variables) => {
    const whole = kept(executionAsJson(ID, variables));
    const record = withoutOwnBody(whole, ID, variables);
    expect(record).toEqual({ method: 'POST', url: 'http://hooks.example.com', bodyOf: 'execution' });
    expect(withOwnBody(record, ID, variables)).toEqual(whole);
  });

  it('has what was sent of an execution that scales, whose row a retry changes', () => {
    const variables = { ...VARIABLES, nodes: { current: 1, desired: 2, delta: 1 } };
    const whole = kept(executionAsJson(ID, variables));
    expect(withoutOwnBody(whole, ID, variables)).toBe(whole);
  });

  it.each([
    ['another body', kept('{"text": "web"}')],
    ['the body of another execution', kept(executionAsJson(ID.replace(/1$/, '2'), VARIABLES))],
    ['a body in which a secret is masked', kept(own, ['shop'])],
    ['no body', excerptOf({ method: 'GET', url: 'http://hooks.example.com' }, [])],
  ])('has %s as it was sent', (_, whole) => {
    expect(withoutOwnBody(whole, ID, VARIABLES)).toBe(whole);
    expect(withOwnBody(whole, ID, VARIABLES)).toBe(whole);
  });
});
