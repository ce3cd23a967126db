import { randomUUID } from 'node:crypto';
import { openTestDatabase } from '../../test/databases';
import { runAs, type Caller } from '../common/caller';
import { Audit, cutChanges } from './audit';
import type { Database } from './database';

const ANNA: Caller = {
  actor: 'anna',
  via: 'session',
  address: '192.0.2.7',
  userId: randomUUID(),
  credentialId: 'abc',
  grants: [],
};

describe('in PostgreSQL', () => {
  let database: Database;
  let end: () => Promise<void>;
  let audit: Audit;
  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    audit = new Audit(database);
  });
  afterAll(() => end());

  const entries = () => database.rows('SELECT * FROM audit ORDER BY id');
  const created = { action: 'create', object: { type: 'service', id: randomUUID(), name: 'web' } };

  test('an entry says who, by what, from where, what, and what changed', async () => {
    const changes = [{ pointer: '/condition', before: 'cpu > 80', after: 'cpu > 90' }];
    await runAs(ANNA, () => database.transaction((sql) => audit.record(sql, { ...created, changes })));
    const [entry] = await entries();
    expect(entry).toMatchObject({
      actor: 'anna',
      via: 'session',
      address: '192.0.2.7',
      user_id: ANNA.userId,
      credential_id: 'abc',
      action: 'create',
      object_type: 'service',
      object_name: 'web',
      outcome: 'succeeded',
      changes,
    });
  });

  test('what is rolled back leaves no entry', async () => {
    const before = (await entries()).length;
    const work = database.transaction(async (sql) => {
      await audit.record(sql, created);
      throw new Error('changed my mind');
    });
    await expect(work).rejects.toThrow('changed my mind');
    expect(await entries()).toHaveLength(before);
  });

  test('work that nobody asked for is the program’s', async () => {
    await audit.note({ action: 'rotate_key', object: { type: 'secret_key' } });
    expect((await entries()).at(-1)).toMatchObject({ actor: 'monscale', via: 'program', address: '' });
  });

  test('texts that PostgreSQL can’t hold, and endless ones, are written all the same', async () => {
    const name = `\0\ud800${'x'.repeat(10_000)}`;
    await audit.note({
      action: 'sign_in',
      object: { type: 'user', name },
      outcome: 'failed',
      detail: { name },
    });
    expect((await entries()).at(-1)).toMatchObject({ outcome: 'failed' });
    expect((await entries()).at(-1)!.object_name).toHaveLength(300);
  });

  test.each([
    'UPDATE audit SET actor = $$nobody$$',
    'DELETE FROM audit',
    'TRUNCATE audit',
    'SET LOCAL monscale.audit_retention = $$on$$; DELETE FROM audit',
    'INSERT INTO audit SELECT * FROM audit ON CONFLICT (id) DO UPDATE SET actor = $$nobody$$',
  ])('%s is refused by the database', async (statement) => {
    const before = await entries();
    await expect(database.rows(statement)).rejects.toThrow('append-only');
    expect(await entries()).toEqual(before);
  });
});

describe('changes', () => {
  test('what is encrypted is never written, wherever it stands', () => {
    const sealed = { sealed: 'c2VjcmV0' };
    const { kept } = cutChanges([{ pointer: '/a', before: sealed, after: { deep: [{ key: sealed }] } }]);
    expect(JSON.stringify(kept)).not.toContain('c2VjcmV0');
    expect(kept[0]).toEqual({
      pointer: '/a',
      before: { secret: true },
      after: { deep: [{ key: { secret: true } }] },
    });
  });

  test('a value over 2 kB is cut, and its length told', () => {
    const { kept } = cutChanges([{ pointer: '/description', after: 'x'.repeat(3_000) }]);
    expect(kept[0]!.after).toEqual({ cut: `"${'x'.repeat(2_047)}`, length: 3_002 });
  });

  test('as many as there is room for are kept, and the others counted', () => {
    const many = Array.from({ length: 1_000 }, (_, index) => ({
      pointer: `/labels/${index}`,
      after: 'x'.repeat(1_000),
    }));
    const { kept, leftOut } = cutChanges(many);
    expect(kept.length + leftOut).toBe(1_000);
    expect(JSON.stringify(kept).length).toBeLessThan(70_000);
  });
});
