import { excerptOf, masked } from './excerpt';

it('masks secrets at any depth', () => {
  const request = { headers: { Authorization: 'Bearer 7f3a' }, requests: [{ body: { password: '7f3a' } }] };
  expect(masked(request, ['7f3a'])).toEqual({
    headers: { Authorization: 'Bearer ***' },
    requests: [{ body: { password: '***' } }],
  });
});

it('cuts long texts and lists, and masks before it cuts', () => {
  const body = `${'x'.repeat(1_995)}secret-word${'y'.repeat(2_000)}`;
  const { body: kept, members } = excerptOf({ body, members: Array.from({ length: 50 }, String) }, [
    'secret-word',
  ]) as { body: string; members: string[] };
  expect(kept).toBe(`${'x'.repeat(1_995)}***yy… (3998 characters)`);
  expect(members).toHaveLength(20);
});

it('leaves what is neither text nor structure as it is', () => {
  expect(excerptOf({ replicas: 3, body: undefined, dry: false, none: null }, [])).toEqual({
    replicas: 3,
    body: undefined,
    dry: false,
    none: null,
  });
});
