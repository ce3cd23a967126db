import type { FastifyRequest } from 'fastify';
import { openTestDatabase } from '../../test/databases';
import { runAs, type Caller } from '../common/caller';
import { newId } from '../common/ids';
import { stopThreads } from '../common/thread-pool';
import { Unauthorized } from '../common/errors';
import { readConfig } from '../config/config';
import { Audit } from '../database/audit';
import type { Database } from '../database/database';
import { endOtherSessions } from './end-sessions';
import { hashPassword } from './passwords';
import { PasswordCheck } from './password-check';
import { SignIn } from './sign-in';
import { SignInLimits } from './sign-in-limits';
import { UserSessions } from './user-sessions';

let database: Database;
let end: () => Promise<void>;
let sessions: UserSessions;

beforeAll(async () => {
  ({ database, end } = await openTestDatabase());
  sessions = new UserSessions(database, readConfig({ MONSCALE_PUBLIC_URL: 'https://monscale.example' }));
});

afterAll(async () => {
  await end();
  await stopThreads();
});

const request = (cookie = '', agent = 'a browser') =>
  ({
    headers: { cookie, 'user-agent': agent },
    raw: { headers: { cookie }, method: 'GET', socket: { remoteAddress: '192.0.2.7' } },
  }) as unknown as FastifyRequest;

async function makeUser(name: string, passwordHash?: string): Promise<string> {
  const id = newId();
  await database.rows(
    `INSERT INTO users (id, name, version, created_at, updated_at, display_name, groups, disabled, password_hash)
     VALUES ($1, $2, 1, now(), now(), '', '{}', false, $3)`,
    [id, name, passwordHash ?? null],
  );
  return id;
}

/** Begins a session and returns its cookie as browsers send it. */
async function begin(userId: string, before?: string, idToken?: string): Promise<string> {
  const header = await sessions.begin(database, userId, request(before), 'password', idToken);
  expect(header).toMatch(
    /^__Host-monscale=[\w-]{43}; Max-Age=604800; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
  );
  return header.split(';', 1)[0]!;
}

const ask = <R>(text: string, values?: unknown[]) => database.rows(text, values) as Promise<R[]>;
const callerOf = (cookie: string) => sessions.callerOf(request(cookie));

test('over TLS the cookie has its prefix, and without it is none', async () => {
  const cookie = await begin(await makeUser('anna'));
  expect(await callerOf(`other=1; ${cookie}; more=2`)).toMatchObject({ actor: 'anna', via: 'session' });
  expect(await callerOf(cookie.replace('__Host-', ''))).toBeUndefined();
});

test('a user has a hundred sessions; one more ends the one that was used longest ago', async () => {
  const id = await makeUser('busy');
  const cookies: string[] = [];
  for (let n = 0; n < 101; n++) cookies.push(await begin(id));
  const [row] = await database.rows<{ count: number }>('SELECT count(*)::int AS count FROM sessions WHERE user_id = $1', [id]); // prettier-ignore
  expect(row!.count).toBe(100);
  expect(await callerOf(cookies[0]!)).toBeUndefined();
  expect(await callerOf(cookies[100]!)).toBeDefined();
});

test('a changed password ends the other sessions; changed by somebody else, all of them', async () => {
  const id = await makeUser('berta');
  const [own, second, third] = [await begin(id), await begin(id), await begin(id)];
  const caller = (await callerOf(own)) as Caller;
  await runAs(caller, () => endOtherSessions(ask, id));
  expect(await Promise.all([own, second, third].map(async (one) => (await callerOf(one)) !== undefined))).toEqual([true, false, false]); // prettier-ignore
  const admin: Caller = { actor: 'the administrator', via: 'administrator', address: '', grants: [] };
  await runAs(admin, () => endOtherSessions(ask, id));
  expect(await callerOf(own)).toBeUndefined();
});

test('the ID token comes back from its own session alone, and is not stored as it is', async () => {
  const id = await makeUser('clara');
  const cookie = await begin(id, undefined, 'the.id.token');
  const [row] = await database.rows<{ id_token: Buffer }>('SELECT id_token FROM sessions WHERE user_id = $1', [id]); // prettier-ignore
  expect(row!.id_token.toString('latin1')).not.toContain('the.id.token');
  expect((await sessions.end(request(cookie))).idToken).toBe('the.id.token');
  expect((await sessions.end(request(cookie))).idToken).toBeUndefined();
  expect((await sessions.end(request())).cookie).toMatch(/^__Host-monscale=; Max-Age=0;/);
});

test('what a browser calls itself is kept in bounds', async () => {
  const id = await makeUser('dieter');
  await sessions.begin(database, id, request('', `${'x'.repeat(5_000)}`), 'password');
  await sessions.begin(database, id, request('', 'a\0b'), 'password');
  const { items } = await sessions.list(id, { limit: 10 }, undefined);
  expect(items.map(({ agent }) => agent.length)).toEqual([3, 200]);
});

test('sessions that are over are deleted', async () => {
  const id = await makeUser('emil');
  await begin(id);
  await database.rows(`UPDATE sessions SET last_used_at = now() - interval '13 hours' WHERE user_id = $1`, [
    id,
  ]);
  const fresh = await begin(id);
  await sessions.sweep();
  const left = await database.rows('SELECT FROM sessions WHERE user_id = $1', [id]);
  expect([left.length, await callerOf(fresh)]).toEqual([1, expect.anything()]);
});

test('no session begins by a password that is changed while it is checked, or of who is disabled then', async () => {
  const hash = await hashPassword('correct horse battery');
  const changes = [`password_hash = 'another'`, 'password_hash = NULL', 'disabled = true'];
  for (const change of changes) {
    const name = `meanwhile ${change}`;
    const id = await makeUser(name, hash);
    const limits = new SignInLimits(database);
    const begins = limits.begin.bind(limits);
    limits.begin = async (keys) => {
      await begins(keys);
      await database.rows(`UPDATE users SET ${change} WHERE id = $1`, [id]);
    };
    const passwords = new PasswordCheck(database, limits, new Audit(database));
    const signIn = new SignIn(database, passwords, sessions);
    await expect(signIn.byPassword(name, 'correct horse battery', request())).rejects.toThrow(Unauthorized);
    expect(await database.rows('SELECT FROM sessions WHERE user_id = $1', [id])).toEqual([]);
  }
});
