import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyRequest } from 'fastify';
import { openTestDatabase } from '../../test/databases';
import { Conflict, Forbidden } from '../common/errors';
import { stopThreads } from '../common/thread-pool';
import { readConfig } from '../config/config';
import type { Database } from '../database/database';
import { FirstRun } from './first-run';
import type { UserSessions } from './user-sessions';

const PASSWORD = 'correct horse battery';
/** Time that a transaction stays open after its user was made. */
const OPEN_MS = 1_500;

let database: Database;
let end: () => Promise<void>;

beforeAll(async () => ({ database, end } = await openTestDatabase()));
afterAll(async () => {
  await end();
  await stopThreads();
});
afterEach(() => database.rows('TRUNCATE users, setup_tokens CASCADE'));

/** A start of the program, with its token. */
async function start(setupToken: string, openMs = 0): Promise<FirstRun> {
  const sessions = { begin: () => sleep(openMs, 'cookie') } as unknown as UserSessions;
  const firstRun = new FirstRun(database, sessions, { ...readConfig({}), setupToken });
  firstRun.onApplicationBootstrap();
  await firstRun.needed;
  return firstRun;
}

const setUp = (firstRun: FirstRun, token: string, name = token) =>
  firstRun.setUp(token, name, PASSWORD, {} as FastifyRequest);
const users = async () =>
  (await database.rows<{ name: string }>('SELECT name FROM users')).map(({ name }) => name);

test('of two at the same moment, by the URLs of two starts, one makes the first user', async () => {
  const [one, other] = [await start('one', OPEN_MS), await start('other', OPEN_MS)];
  const ended = await Promise.allSettled([setUp(one, 'one'), setUp(other, 'other')]);
  expect(ended.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  expect(ended.find(({ status }) => status === 'rejected')).toMatchObject({ reason: expect.any(Conflict) });
  expect(await users()).toHaveLength(1);
});

test('a user who was made in another way makes every setup URL void, also one that is kept', async () => {
  const firstRun = await start('kept');
  await database.rows(
    `INSERT INTO users (id, name, version, created_at, updated_at, display_name, groups, disabled)
     VALUES (gen_random_uuid(), 'anna', 1, now(), now(), '', '{}', false)`,
  );
  expect(await firstRun.isNeeded()).toBe(false);
  await expect(setUp(firstRun, 'kept', 'mallory')).rejects.toBeInstanceOf(Conflict);
  expect(await users()).toEqual(['anna']);
  expect(await (await start('later')).needed).toBe(false);
});

test('a token is good for whichever start is asked, and none but those that were made', async () => {
  const [one] = [await start('one'), await start('other')];
  for (const wrong of ['', 'onE', 'one ', 'one,other'])
    await expect(setUp(one, wrong, 'mallory')).rejects.toBeInstanceOf(Forbidden);
  await setUp(one, 'other');
  expect(await users()).toEqual(['other']);
  expect(await database.rows('SELECT FROM setup_tokens')).toEqual([]);
});

test('where the program is started ever again, a bounded number of tokens is kept, the last among them', async () => {
  for (let n = 0; n < 105; n++) await start(`start ${n}`);
  expect(await database.rows('SELECT FROM setup_tokens')).toHaveLength(100);
  await setUp(await start('last'), 'last');
  expect(await users()).toEqual(['last']);
});
