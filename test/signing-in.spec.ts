import { randomBytes, randomUUID, scryptSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { testPort } from './ports';
import { ADMIN_TOKEN, MonscaleProcess, secret, World, type Answer, type Json } from './program';
import { OpenIdProvider } from './stand-ins/openid-provider';

const PASSWORD = secret('correct horse battery');
const OWN = { 'Sec-Fetch-Site': 'same-origin' };

/** A browser: keeps cookies, as hosts have them whatever the port, and goes where it is sent. */
class Browser {
  readonly cookies = new Map<string, string>();

  /** @param address that the proxy before the program names */
  constructor(readonly address: string) {}

  async send(method: string, url: string, body?: unknown, headers: Record<string, string> = {}) {
    const ask = () =>
      fetch(url, {
        method,
        redirect: 'manual',
        headers: {
          ...(this.cookies.size > 0 ? { Cookie: this.cookieHeader } : {}),
          'X-Forwarded-For': this.address,
          ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
          ...headers,
        },
        body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
        signal: AbortSignal.timeout(90_000),
      });
    let response = await ask();
    // A busy machine checks few passwords in time, and says so: what was not checked is asked again, as it may be.
    for (let tries = 1; response.status === 503 && tries < 5; tries++) {
      await response.body?.cancel();
      await sleep(1_000 * Number(response.headers.get('retry-after')));
      response = await ask();
    }
    for (const line of response.headers.getSetCookie()) this.keep(line);
    const text = await response.text();
    const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '');
    return {
      status: response.status,
      headers: response.headers,
      body: isJson ? JSON.parse(text) : text,
    };
  }

  /** Goes on where it is redirected to, until it is not, or to a path that `last` matches. */
  async go(url: string, last = /^$/): Promise<Answer & { url: string }> {
    for (let hops = 0; hops < 20; hops++) {
      const answer = await this.send('GET', url);
      if (answer.status !== 302 && answer.status !== 303) return { ...answer, url };
      url = new URL(answer.headers.get('location')!, url).href;
      if (last.test(url)) return { ...answer, url };
    }
    throw new Error(`redirected without end: ${url}`);
  }

  private get cookieHeader(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  private keep(line: string): void {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)!;
    if (value === '') this.cookies.delete(name!);
    else this.cookies.set(name!, value!);
  }
}

let addresses = 0;
const browser = () => new Browser(`198.51.100.${++addresses}`);

describe('two processes of one program', () => {
  let world: World;
  let provider: OpenIdProvider;
  let one: string;
  let other: string;
  const folders: string[] = [];

  beforeAll(async () => {
    world = await World.create();
    const ports = [await testPort(), await testPort()];
    const origins = ports.map((port) => `http://127.0.0.1:${port}`);
    // Its clock is almost 5 minutes ahead.
    provider = await OpenIdProvider.start(origins, 280);
    const { databaseUrl, redisUrl } = world;
    await Promise.all(
      ports.map(async (port) => {
        const folder = mkdtempSync(join(tmpdir(), 'signing-in-'));
        folders.push(folder);
        const env = {
          MONSCALE_DATA_DIR: folder,
          MONSCALE_TRUSTED_PROXIES: '127.0.0.1',
          MONSCALE_OIDC_ISSUER: provider.issuer,
          MONSCALE_OIDC_CLIENT_ID: 'monscale',
          MONSCALE_OIDC_CLIENT_SECRET: secret('the-secret-of-the-client'),
          MONSCALE_OIDC_ROLE_SOURCE: 'idp',
        };
        const started = new MonscaleProcess({ roles: 'api', databaseUrl, redisUrl, env }, port);
        world.processes.push(started);
        await started.ready();
      }),
    );
    [one, other] = origins.map((origin) => `${origin}/api/v1`) as [string, string];
  }, 90_000);

  afterAll(async () => {
    await world?.end();
    await provider?.stop();
    for (const folder of folders) rmSync(folder, { recursive: true });
  });

  /** A user whose password was hashed long ago, with fewer rounds. */
  async function user(name: string, grant: { role?: string; approve?: boolean } = {}): Promise<string> {
    const salt = randomBytes(16);
    const hash = scryptSync(PASSWORD, salt, 32, { N: 16, r: 8, p: 1 });
    const [salted, hashed] = [salt, hash].map((bytes) => bytes.toString('base64').replace(/=+$/, ''));
    const id = randomUUID();
    await world.rows(
      `INSERT INTO users (id, name, version, created_at, updated_at, display_name, email, groups, disabled, password_hash)
       VALUES ($1, $2, 1, now(), now(), '', $2 || '@example.org', '{}', false, $3)`,
      [id, name, `$scrypt$ln=4,r=8,p=1$${salted}$${hashed}`],
    );
    const { role = 'viewer', approve = false } = grant;
    await world.rows(
      `INSERT INTO grants (id, version, created_at, updated_at, user_id, anonymous, role, approve)
       VALUES ($1, 1, now(), now(), $2, false, $3, $4)`,
      [randomUUID(), id, role, approve],
    );
    return id;
  }

  const signIn = (who: Browser, username: string, password = PASSWORD, at = one) =>
    who.send('POST', `${at}/session`, { username, password });

  async function signedIn(name: string): Promise<Browser> {
    const who = browser();
    const { status, body } = await signIn(who, name);
    expect([status, body]).toEqual([200, expect.anything()]);
    secret([...who.cookies.values()][0]!);
    return who;
  }

  async function asAdministrator(method: string, url: string, body: object): Promise<void> {
    const answer = await browser().send(method, url, body, { Authorization: `Bearer ${ADMIN_TOKEN}` });
    expect([answer.status, answer.body]).toEqual([200, expect.anything()]);
  }

  const tokenIn = ({ output }: MonscaleProcess): string =>
    / http:\/\/127\.0\.0\.1:\d+\/setup\?token=([\w-]{43})\n/.exec(output)![1]!;

  test('the first user is made once, by the URL of either start, and may do everything', async () => {
    const tokens = world.processes.map(tokenIn);
    const setUp = (at: string, token: string, more: object = {}, headers = {}) =>
      browser().send(
        'POST',
        `${at}/setup`,
        { token, username: 'root', password: PASSWORD, ...more },
        headers,
      );
    expect((await browser().send('GET', `${one}/setup`)).body).toEqual({ needed: true });

    const refused = await Promise.all([
      setUp(one, randomBytes(32).toString('base64url')),
      setUp(one, tokens[0]!, {}, { 'Sec-Fetch-Site': 'cross-site' }),
      setUp(one, tokens[0]!, {}, { Origin: 'https://elsewhere.example' }),
      setUp(one, tokens[0]!, { password: 'too short' }),
      setUp(one, tokens[0]!, { username: 'a/b' }),
      setUp(one, tokens[0]!, { username: '' }),
    ]);
    expect(refused.map(({ status }) => status)).toEqual([403, 403, 403, 400, 400, 400]);
    expect(refused[3].body.errors).toEqual([
      { pointer: '/password', detail: 'must have at least 12 characters' },
    ]);

    const rivals = await Promise.all(
      [0, 1, 2, 3, 4, 5].map((number) =>
        setUp(number % 2 ? one : other, tokens[number % 2]!, { username: `root-${number}` }),
      ),
    );
    expect(rivals.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409]);
    expect(await world.rows('SELECT count(*)::int AS count FROM users')).toEqual([{ count: 1 }]);
    const made = rivals.find(({ status }) => status === 201)!;
    expect(made.body).toEqual({
      user: { name: expect.stringMatching(/^root-\d$/), groups: [] },
      rights: { role: 'admin', approve: true, grants: [{ role: 'admin', approve: true }] },
    });
    const [cookie] = made.headers.getSetCookie();
    expect(cookie).toMatch(/^monscale=[\w-]{43}; Max-Age=604800; Path=\/; HttpOnly; SameSite=Lax$/);

    for (const at of [one, other]) {
      expect((await browser().send('GET', `${at}/setup`)).body).toEqual({ needed: false });
      for (const token of tokens) expect((await setUp(at, token)).status).toBe(409);
    }
    expect(await world.rows('SELECT FROM setup_tokens')).toEqual([]);
  });

  test('who signed in at one process is known to the other, and signed out on the next request', async () => {
    await user('anna', { role: 'operator', approve: true });
    const anna = await signedIn('anna');
    const shown = await anna.send('GET', `${other}/session`);
    expect(shown.body).toEqual({
      user: { name: 'anna', groups: [] },
      rights: { role: 'operator', approve: true, grants: [{ role: 'operator', approve: true }] },
    });
    expect((await anna.send('GET', `${other}/services`)).status).toBe(200);
    const kept = new Map(anna.cookies);

    const out = await anna.send('DELETE', `${other}/session`, undefined, OWN);
    expect([out.status, anna.cookies.size]).toEqual([204, 0]);
    for (const [name, value] of kept) anna.cookies.set(name, value);
    for (const at of [one, other]) {
      expect((await anna.send('GET', `${at}/session`)).status).toBe(401);
      expect((await anna.send('GET', `${at}/services`)).status).toBe(401);
    }
  });

  test('a hash of other days is made anew by the right password alone', async () => {
    const id = await user('old');
    const hash = async () => (await world.rows('SELECT password_hash FROM users WHERE id = $1', [id]))[0]!.password_hash; // prettier-ignore
    expect((await signIn(browser(), 'old', 'wrong')).status).toBe(401);
    expect(await hash()).toMatch(/^\$scrypt\$ln=4,/);
    await signedIn('old');
    expect(await hash()).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$/);
    await signedIn('old');
  });

  test('disabling, revoked rights and ended sessions take effect on the next request to either', async () => {
    const id = await user('bert');
    const [bert, also] = [await signedIn('bert'), await signedIn('bert')];
    const services = (who: Browser) =>
      Promise.all([one, other].map(async (at) => (await who.send('GET', `${at}/services`)).status));
    expect(await services(bert)).toEqual([200, 200]);

    await world.rows('DELETE FROM grants WHERE user_id = $1', [id]);
    expect(await services(bert)).toEqual([403, 403]);
    expect((await bert.send('GET', `${one}/session`)).body.rights).toEqual({ role: null, approve: false, grants: [] }); // prettier-ignore

    const { body } = await bert.send('GET', `${one}/sessions`);
    expect(body).toMatchObject({ total: 2, items: [{ user: 'bert', current: false }, { current: true }] });
    expect(body.items[0]).toMatchObject({ address: also.address, agent: 'node' });
    const gone = await bert.send('DELETE', `${one}/sessions/${body.items[0].id}`, undefined, OWN);
    expect(gone.status).toBe(204);
    expect((await also.send('GET', `${other}/session`)).status).toBe(401);

    await asAdministrator('PATCH', `${other}/users/bert`, { disabled: true });
    expect(await services(bert)).toEqual([401, 401]);
    const refused = await signIn(browser(), 'bert');
    const unknown = await signIn(browser(), 'nobody of this name');
    expect([refused.status, refused.body]).toEqual([unknown.status, unknown.body]);
    expect(refused.status).toBe(401);
  });

  test('who is signed in changes the own password by the present one, within the limits of signing in', async () => {
    await user('tove');
    const [tove, also] = [await signedIn('tove'), await signedIn('tove')];
    const next = secret('the next long password');
    const change = (body: unknown, headers: Record<string, string> = OWN, who = tove) =>
      who.send('PUT', `${other}/session/password`, body, headers);
    const pointers = ({ body }: Answer) => body.errors.map(({ pointer }: Json) => pointer);

    expect((await change({ password: PASSWORD, newPassword: next }, {})).status).toBe(403);
    expect((await change({ password: PASSWORD, newPassword: next }, OWN, browser())).status).toBe(401);
    const byToken = { Authorization: `Bearer ${ADMIN_TOKEN}` };
    expect((await change({ password: PASSWORD, newPassword: next }, byToken, browser())).status).toBe(403);
    const refused = [
      await change({ password: 'wrong', newPassword: next }),
      await change({ password: PASSWORD, newPassword: PASSWORD }),
      await change({ password: PASSWORD, newPassword: 'short' }),
      await change({ newPassword: next }),
    ];
    expect(refused.map(({ status }) => status)).toEqual([400, 400, 400, 400]);
    expect(refused.map(pointers)).toEqual([['/password'], ['/newPassword'], ['/newPassword'], ['/password']]);

    expect((await change({ password: PASSWORD, newPassword: next })).status).toBe(204);
    const statuses = await Promise.all(
      [tove, also].map(async (who) => (await who.send('GET', `${one}/session`)).status),
    );
    expect(statuses).toEqual([200, 401]);
    expect((await signIn(browser(), 'tove')).status).toBe(401);
    expect((await signIn(browser(), 'tove', next)).status).toBe(200);
    const audit = await world.rows(
      `SELECT actor, outcome FROM audit WHERE action = 'change_password' AND object_name = 'tove' ORDER BY at`,
    );
    expect(audit).toEqual([
      { actor: 'tove', outcome: 'failed' },
      { actor: 'tove', outcome: 'succeeded' },
    ]);

    let guesses = 0;
    while ((await change({ password: `guess ${guesses}`, newPassword: PASSWORD })).status !== 429)
      expect(++guesses).toBeLessThan(30);
    await world.rows(`UPDATE users SET password_hash = NULL WHERE name = 'tove'`);
    expect((await change({ password: next, newPassword: PASSWORD })).status).toBe(409);
  });

  test('a changed password ends all sessions but the one that changed it, at both', async () => {
    await user('rosa', { role: 'admin' });
    await user('sven');
    const [rosa, also, sven] = [await signedIn('rosa'), await signedIn('rosa'), await signedIn('sven')];
    const sessions = () =>
      Promise.all([rosa, also, sven].map(async (who) => (await who.send('GET', `${one}/session`)).status));
    const password = secret('another long password');
    const change = (name: string, to: object) => rosa.send('PATCH', `${other}/users/${name}`, to, OWN);
    expect((await change('rosa', { displayName: 'Rosa' })).status).toBe(200);
    expect(await sessions()).toEqual([200, 200, 200]);
    expect((await change('rosa', { password })).status).toBe(200);
    expect(await sessions()).toEqual([200, 401, 200]);
    expect((await change('sven', { password })).status).toBe(200);
    expect(await sessions()).toEqual([200, 401, 401]);
    expect((await signIn(browser(), 'sven')).status).toBe(401);
    expect((await signIn(browser(), 'sven', password, other)).status).toBe(200);
  });

  test('sessions of others are nobody’s but an administrator’s', async () => {
    await user('carl');
    await user('dora', { role: 'admin' });
    const [carl, dora] = [await signedIn('carl'), await signedIn('dora')];
    const all = (await dora.send('GET', `${other}/sessions?limit=500`)).body.items as Json[];
    const ofCarl = all.find((session) => session.user === 'carl');
    const ofDora = all.find((session) => session.user === 'dora');
    expect((await carl.send('GET', `${one}/sessions`)).body.items).toEqual([{ ...ofCarl, current: true }]);
    for (const id of [ofDora.id, randomUUID(), 'nonsense'])
      expect((await carl.send('DELETE', `${one}/sessions/${id}`, undefined, OWN)).status).toBe(404);
    expect((await dora.send('DELETE', `${other}/sessions/${ofCarl.id}`, undefined, OWN)).status).toBe(204);
    expect((await carl.send('GET', `${one}/session`)).status).toBe(401);
    expect((await dora.send('GET', `${one}/session`)).status).toBe(200);
  });

  test('sessions end: 12 hours without a request, 7 days, a forged or half cookie', async () => {
    const id = await user('erna');
    const erna = await signedIn('erna');
    const session = async () => (await erna.send('GET', `${one}/session`)).status;
    const age = (set: string) => world.rows(`UPDATE sessions SET ${set} WHERE user_id = $1`, [id]);
    await age(`last_used_at = now() - interval '11 hours 59 minutes'`);
    expect(await session()).toBe(200);
    const [row] = await world.rows(`SELECT last_used_at > now() - interval '1 minute' AS fresh FROM sessions WHERE user_id = $1`, [id]); // prettier-ignore
    expect(row).toEqual({ fresh: true });
    await age(`last_used_at = now() - interval '12 hours 1 second'`);
    expect(await session()).toBe(401);
    await age(`last_used_at = now(), expires_at = now() - interval '1 second'`);
    expect(await session()).toBe(401);
    await age(`expires_at = now() + interval '1 day'`);
    expect(await session()).toBe(200);

    const right = erna.cookies.get('monscale')!;
    for (const wrong of [right.slice(1), `${right}A`, right.toLowerCase(), `${right}=`, '', '%00', '💥']) {
      erna.cookies.set('monscale', encodeURIComponent(wrong));
      expect(await session()).toBe(401);
    }
    // Where TLS is used, a plain cookie could be another host's; here the prefixed one does not count.
    erna.cookies.clear();
    erna.cookies.set('__Host-monscale', right);
    expect(await session()).toBe(401);
  });

  test('an id that somebody else put into the browser never becomes a session', async () => {
    await user('fritz');
    await user('mallory');
    const mallory = await signedIn('mallory');
    const fixed = mallory.cookies.get('monscale')!;
    const fritz = browser();
    fritz.cookies.set('monscale', fixed);
    expect((await signIn(fritz, 'fritz')).status).toBe(200);
    expect(secret(fritz.cookies.get('monscale')!)).not.toBe(fixed);
    expect((await mallory.send('GET', `${other}/session`)).status).toBe(401);
    expect((await fritz.send('GET', `${other}/session`)).body.user.name).toBe('fritz');
  });

  describe('what a cookie lets a browser change must come from a page of ours', () => {
    let gerda: Browser;
    const change = (
      headers: Record<string, string>,
      body: unknown = { on: false, reason: 'test' },
      at = one,
    ) => gerda.send('PUT', `${at}/kill-switch`, body, headers);

    beforeAll(async () => {
      await user('gerda', { role: 'admin' });
      gerda = await signedIn('gerda');
    });

    test.each([
      ['nothing says where from', {}],
      ['another site', { 'Sec-Fetch-Site': 'cross-site' }],
      ['another host of the same site', { 'Sec-Fetch-Site': 'same-site' }],
      ['nobody’s page', { 'Sec-Fetch-Site': 'none' }],
      ['another origin', { Origin: 'https://elsewhere.example' }],
      ['a page without an origin', { Origin: 'null' }],
      ['another site that claims our origin', { 'Sec-Fetch-Site': 'cross-site', Origin: 'http://own' }],
      ['a host that only begins as ours', { Origin: 'http://own.elsewhere.example' }],
      ['our host by another scheme', { Origin: 'https://own' }],
    ])('%s: refused', async (_, given: Record<string, string>) => {
      const headers = { ...given };
      if (given.Origin) headers.Origin = given.Origin.replace('own', new URL(one).host);
      expect((await change(headers)).status).toBe(403);
      expect((await gerda.send('DELETE', `${one}/session`, undefined, headers)).status).toBe(403);
      expect((await gerda.send('GET', `${one}/kill-switch`, undefined, headers)).status).toBe(200);
    });

    test.each([
      ['by Sec-Fetch-Site', OWN],
      ['by Origin', { Origin: 'http://own' }],
      ['behind a proxy with TLS', { Origin: 'https://monscale.example', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'monscale.example' }],
    ])('%s: done', async (how, given: Record<string, string>) => {
      const headers = { ...given };
      if (given.Origin) headers.Origin = given.Origin.replace('own', new URL(one).host);
      if (how.includes('TLS')) gerda.cookies.set('__Host-monscale', gerda.cookies.get('monscale')!);
      expect((await change(headers)).status).toBe(200);
    }); // prettier-ignore

    test('forms and plain texts are refused, also from a page of ours', async () => {
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x',
      ])
        expect((await change({ ...OWN, 'Content-Type': type }, '{"on":false}')).status).toBe(415);
    });

    test('a token needs none of it, and counts before a cookie', async () => {
      const both = { Authorization: `Bearer ${ADMIN_TOKEN}`, Origin: 'https://elsewhere.example' };
      expect((await change(both)).status).toBe(200);
      const shown = await gerda.send('GET', `${one}/session`, undefined, both);
      expect(shown.body.user.name).toBe('the administrator');
      const wrong = { Authorization: 'Bearer not-a-token-that-is-known' };
      expect((await gerda.send('GET', `${one}/session`, undefined, wrong)).status).toBe(401);
    });
  });

  test('a page of another site can sign nobody in', async () => {
    await user('hanna');
    const sent = (headers: Record<string, string>) =>
      browser().send('POST', `${one}/session`, { username: 'hanna', password: PASSWORD }, headers);
    const others: Record<string, string>[] = [
      { 'Sec-Fetch-Site': 'cross-site' },
      { Origin: 'https://elsewhere.example' },
      { Origin: 'null' },
    ];
    for (const headers of others) expect((await sent(headers)).status).toBe(403);
    expect((await sent({ 'Content-Type': 'text/plain' })).status).toBe(415);
    expect((await sent({ Origin: new URL(one).origin })).status).toBe(200);
  });

  test('bad input is told by its field', async () => {
    const errors = async (body: unknown) =>
      (await browser().send('POST', `${one}/session`, body)).body.errors;
    expect(await errors({ username: 'anna' })).toEqual([{ pointer: '/password', detail: 'is required' }]);
    expect(await errors({ username: 7, password: PASSWORD })).toEqual([{ pointer: '/username', detail: 'must be a text' }]); // prettier-ignore
    expect(await errors({ username: 'anna', password: 'x'.repeat(2_049) })).toHaveLength(1);
    expect(await errors({ username: 'anna', password: PASSWORD, admin: true })).toHaveLength(1);
  });

  describe('failures', () => {
    const outcome = (answers: Answer[]) => answers.map(({ status }) => status).sort();
    const guesses = (count: number, name: (number: number) => string, who: () => Browser = browser) =>
      Promise.all(
        Array.from({ length: count }, (_, number) =>
          signIn(who(), name(number), `wrong ${number}`, number % 2 ? one : other),
        ),
      );

    test.each(['ida', 'no such name'])(
      'of %s over both processes: five, then none, also not the right password',
      async (name) => {
        if (name === 'ida') await user('ida');
        expect(outcome(await guesses(14, () => name))).toEqual([
          ...Array(5).fill(401),
          ...Array(9).fill(429),
        ]);
        // A minute, of which a busy machine has spent some.
        const more = `UPDATE sign_in_limits SET locked_until = locked_until + interval '1 hour'
          WHERE locked_until BETWEEN now() - interval '1 minute' AND now() + interval '1 minute'`;
        await world.rows(more);
        const locked = await signIn(browser(), name, PASSWORD, one);
        expect(locked.status).toBe(429);
        // Either process may know of the minute alone.
        expect(Number(locked.headers.get('retry-after'))).toBeGreaterThan(0);
        expect(locked.body.detail).toBe('too many failures to sign in with this name or from this address');
      },
    );

    test('of a name are those of the name however its letters are composed', async () => {
      await user('zo\u00eb');
      expect((await signIn(browser(), 'zoe\u0308', PASSWORD, one)).status).toBe(200);
      const name = (number: number) => (number % 2 ? 'no\u00ebl' : 'noe\u0308l');
      expect(outcome(await guesses(8, name))).toEqual([...Array(5).fill(401), ...Array(3).fill(429)]);
    });

    test('of an address, twenty with whatever names; an IPv6 address counts as its network', async () => {
      await user('jan');
      let number = 0;
      const network = () => new Browser(`2001:db8:7:7:${(++number).toString(16)}::1`);
      expect(outcome(await guesses(26, (number) => `name ${number}`, network))).toEqual([
        ...Array(20).fill(401),
        ...Array(6).fill(429),
      ]);
      expect((await signIn(network(), 'jan')).status).toBe(429);
      expect((await signIn(new Browser('2001:db8:7:8::1'), 'jan')).status).toBe(200);
    });

    test('one who signs in many times at once is let in', async () => {
      await user('karl');
      await signedIn('karl');
      const who = browser();
      const answers = await Promise.all(Array.from({ length: 8 }, () => signIn(who, 'karl')));
      expect(outcome(answers)).toEqual(Array(8).fill(200));
    });
  });

  describe('by the provider', () => {
    const begin = (returnTo = '/services') => `${one}/auth/oidc?returnTo=${encodeURIComponent(returnTo)}`;
    const HOME = /\/services$/;

    async function comesIn(account: { sub: string } & Record<string, unknown>): Promise<Browser> {
      await provider.signsIn(account);
      const who = browser();
      const end = await who.go(begin(), HOME);
      expect([end.status, end.url]).toEqual([302, `${new URL(one).origin}/services`]);
      secret(who.cookies.get('monscale')!);
      expect(who.cookies.has('monscale-oidc')).toBe(false);
      return who;
    }

    const whoIs = async (who: Browser) => (await who.send('GET', `${other}/session`)).body;

    test('one is linked by issuer and subject, whatever name and address one has there', async () => {
      await user('lena', { role: 'admin' });
      const claims = { preferred_username: 'lena', email: 'lena@example.org', name: 'Lena L.' };
      const stranger = await comesIn({ sub: 'subject-1', ...claims });
      expect(await whoIs(stranger)).toEqual({
        user: { name: 'lena-2', displayName: 'Lena L.', groups: [] },
        rights: { role: null, approve: false, grants: [] },
      });
      expect((await stranger.send('GET', `${one}/services`)).status).toBe(403);
      // The same subject under another name is the same; another subject under the same name is not.
      const again = await comesIn({ sub: 'subject-1', preferred_username: 'renamed' });
      expect((await whoIs(again)).user.name).toBe('lena-2');
      expect((await whoIs(await comesIn({ sub: 'subject-2', ...claims }))).user.name).toBe('lena-3');
    });

    test.each([
      ['a/b\u0007c', 'a-b-c'],
      ['  ', 'user'],
      ['👩‍💻', '👩‍💻'],
    ])('a name such as %j becomes %j', async (preferred_username, name) => {
      const who = await comesIn({ sub: `named ${name}`, preferred_username });
      expect((await whoIs(who)).user.name).toBe(name);
    });

    test('groups of the provider count at each sign-in, as a list or a text', async () => {
      await world.rows(
        `INSERT INTO grants (id, version, created_at, updated_at, group_name, anonymous, role, approve)
         VALUES ($1, 1, now(), now(), 'ops', false, 'operator', false)`,
        [randomUUID()],
      );
      const account = { sub: 'in-groups', preferred_username: 'mia' };
      const mia = await comesIn({ ...account, groups: ['ops', 'ops', 7, '', 'x'.repeat(300), null] });
      expect(await whoIs(mia)).toMatchObject({ user: { groups: ['ops'] }, rights: { role: 'operator' } });
      const text = await comesIn({ ...account, groups: 'ops' });
      expect((await whoIs(text)).rights.role).toBe('operator');
      for (const groups of [[], 'others', { ops: true }, undefined]) {
        expect((await whoIs(await comesIn({ ...account, groups }))).rights.role).toBeNull();
        // Of sessions that began before as well.
        expect((await whoIs(mia)).rights.role).toBeNull();
      }
    });

    test('a disabled user is refused', async () => {
      await comesIn({ sub: 'to-be-disabled', preferred_username: 'nils' });
      await world.rows(`UPDATE users SET disabled = true WHERE oidc_subject = 'to-be-disabled'`);
      const who = browser();
      const end = await who.go(begin());
      expect([end.status, end.body.detail, who.cookies.has('monscale')]).toEqual([403, 'this user is disabled', false]); // prettier-ignore
    });

    test('a callback counts once, in the browser that began, in time, with what it began', async () => {
      await provider.signsIn({ sub: 'callbacks', preferred_username: 'olga' });
      const [olga, thief] = [browser(), browser()];
      const { url: callback } = await olga.go(begin(), /\/callback\?/);
      const details = async (who: Browser, url: string) => {
        const { status, body } = await who.send('GET', url);
        return [status, body.errors?.[0]?.detail ?? body.detail];
      };
      const again = 'begin again at /api/v1/auth/oidc';
      const without = `this browser has begun no sign-in, or has ended it already; ${again}`;
      expect(await details(thief, callback)).toEqual([400, without]);
      await thief.go(begin(), /\/callback\?/);
      const another = `this is the end of another sign-in than this browser began last; ${again}`;
      expect(await details(thief, callback)).toEqual([400, another]);
      expect(await details(olga, callback.replace(/state=[^&]*/, 'state='))).toEqual([400, another]);
      const forged = browser();
      for (const value of ['x', 'x.y', '.', 'e30.AAAA', `${olga.cookies.get('monscale-oidc')}x`]) {
        forged.cookies.set('monscale-oidc', value);
        expect(await details(forged, callback)).toEqual([
          400,
          `the sign-in was begun too long ago, or not here; ${again}`,
        ]);
      }
      const wrongCode = await olga.send('GET', callback.replace(/code=[^&]*/, 'code=wrong'));
      expect(wrongCode.status).toBe(502);
      expect(wrongCode.body.detail).toMatch(/^the provider http:\S+ gave no answer that can be used: 400 invalid_grant/); // prettier-ignore
      expect((await olga.go(callback, HOME)).status).toBe(302);
      expect(await details(olga, callback)).toEqual([400, without]);
      expect((await whoIs(olga)).user.name).toBe('olga');
      expect((await whoIs(thief)).status).toBe(401);
    });

    test('what the provider refuses is told', async () => {
      await provider.signsIn(null);
      const who = browser();
      const end = await who.go(begin());
      expect([end.status, end.body.detail]).toEqual([403, 'the provider refused: access_denied not for you']);
      expect(who.cookies.has('monscale')).toBe(false);
    });

    test.each(['//elsewhere.example', '/\\elsewhere.example', 'https://elsewhere.example', 'services', '', '/\t/elsewhere.example', '/a\\b', '/\u00e4'])(
      'nobody is led to %j', async (returnTo) => {
        const answer = await browser().send('GET', begin(returnTo));
        expect([answer.status, answer.body.errors[0].pointer]).toEqual([400, '/returnTo']);
      },
    ); // prettier-ignore

    test('who signs out is told where to sign out at the provider as well', async () => {
      const who = await comesIn({ sub: 'leaving', preferred_username: 'paula' });
      const out = await who.send('DELETE', `${other}/session`, undefined, OWN);
      expect(out.status).toBe(204);
      const [, url] = /^<(\S+)>; rel="end-session"$/.exec(out.headers.get('link')!)!;
      expect(new URL(url!).origin).toBe(provider.issuer);
      const page = await who.send('GET', url!);
      expect([page.status, page.body]).toEqual([200, expect.stringContaining('Do you want to sign-out')]);
      expect((await whoIs(who)).status).toBe(401);
    });
  });
});
