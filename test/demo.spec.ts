import { definitions } from '../demo/definitions';
import { World } from './program';

test('what the demo defines is taken by the program as it is', async () => {
  const world = await World.create();
  try {
    const { api } = await world.start('api');
    const document = definitions('http://127.0.0.1:1', [2, 3]);
    const { status, body } = await api.post('/import?dryRun=true', document);
    expect([status, body.errors]).toEqual([200, []]);
    expect(body.created).toHaveLength(
      document.infrastructures.length +
        document.actions.length +
        document.contacts.length +
        document.services.length,
    );
  } finally {
    await world.end();
  }
});
