import type { IncomingMessage, ServerResponse } from 'node:http';
import * as client from 'openid-client';
import { HttpStandIn } from '../../test/stand-ins/http-stand-in';
import { BadGateway, Unavailable } from '../common/errors';
import type { OidcConfig } from '../config/config';
import { asked, IdentityProvider } from './identity-provider';

const SECRET = 'the-secret-of-the-client';

type Respond = (response: ServerResponse, issuer: string) => void;

/** A provider that answers what it is told to. */
class OddProvider extends HttpStandIn {
  readonly requests: string[] = [];
  issuer = '';
  responds: Respond = () => undefined;

  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests.push(request.url!);
    this.responds(response, this.issuer);
  }
}

const odd = new OddProvider();
let oidc: OidcConfig;

beforeAll(async () => {
  odd.issuer = await odd.start();
  oidc = {
    issuer: odd.issuer,
    clientId: 'monscale',
    clientSecret: SECRET,
    scopes: 'openid',
    groupsClaim: 'groups',
    roleSource: 'local',
  };
});
afterAll(() => odd.stop());
beforeEach(() => void odd.requests.splice(0));

const json = (response: ServerResponse, body: unknown, status = 200): void =>
  void response
    .writeHead(status, { 'Content-Type': 'application/json' })
    .end(typeof body === 'string' ? body : JSON.stringify(body));

const metadataOf = (issuer: string): object => ({
  issuer,
  authorization_endpoint: `${issuer}/auth`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/jwks`,
});

async function failure(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: Error) => {
      expect(error.message).not.toContain(SECRET);
      expect(error.message.length).toBeLessThan(700);
      return error;
    },
  );
}

const nonsense: [string, Respond][] = [
  ['404', (response) => json(response, {}, 404)],
  ['500 with a page', (response) => void response.writeHead(500, { 'Content-Type': 'text/html' }).end('<h1>')],
  ['a page', (response) => void response.writeHead(200, { 'Content-Type': 'text/html' }).end('<h1>')],
  ['half of a JSON', (response) => json(response, '{"issuer": "http')],
  ['null', (response) => json(response, 'null')],
  ['a list', (response) => json(response, [])],
  ['an empty object', (response) => json(response, {})],
  ['a number for its issuer', (response) => json(response, { issuer: 7 })],
  ['another issuer', (response) => json(response, metadataOf('https://elsewhere.example'))],
  ['an issuer that is no URL', (response) => json(response, metadataOf('nonsense'))],
  ['nothing', (response) => json(response, '')],
  ['204', (response) => void response.writeHead(204).end()],
  ['a redirect to cloud metadata', (response) => void response.writeHead(302, { Location: 'http://169.254.169.254/' }).end()],
]; // prettier-ignore

test.each(nonsense)('a provider that answers %s is told of, and nothing breaks', async (_, responds) => {
  odd.responds = responds;
  const error = await failure(new IdentityProvider().metadata(oidc));
  expect(error).toBeInstanceOf(BadGateway);
  expect(error.message).toContain(`the provider ${odd.issuer} gave no answer that can be used`);
  expect(odd.requests).toEqual(['/.well-known/openid-configuration']);
});

const silence: [string, Respond][] = [
  ['cuts the connection', (response) => response.destroy()],
  ['sends more than is read', (response) => json(response, JSON.stringify({ issuer: 'x'.repeat(2 ** 21) }))],
  ['never answers', () => undefined],
];

test.each(silence)('a provider that %s does not answer', async (_, responds) => {
  odd.responds = responds;
  const from = performance.now();
  const error = await failure(new IdentityProvider().metadata(oidc));
  expect(error).toBeInstanceOf(Unavailable);
  expect(error.message).toContain(`the provider ${odd.issuer} does not answer`);
  expect(performance.now() - from).toBeLessThan(10_000);
});

test.each(['http://127.0.0.1:1', 'http://provider.invalid', 'http://169.254.169.254'])(
  'a provider at %s does not answer',
  async (issuer) => {
    expect(await failure(new IdentityProvider().metadata({ ...oidc, issuer }))).toBeInstanceOf(Unavailable);
  },
);

test('it is asked once by many, kept, and after a failure not asked again at once', async () => {
  const provider = new IdentityProvider();
  odd.responds = (response) => json(response, {}, 500);
  const ask = () => provider.metadata(oidc);
  await Promise.allSettled(Array.from({ length: 50 }, ask));
  await Promise.allSettled(Array.from({ length: 50 }, ask));
  expect(odd.requests).toHaveLength(1);

  odd.responds = (response, issuer) => json(response, metadataOf(issuer));
  await new Promise((resolve) => setTimeout(resolve, 2_200));
  await Promise.all(Array.from({ length: 50 }, ask));
  odd.responds = (response) => response.destroy();
  await ask();
  expect(odd.requests).toHaveLength(2);
});

describe('a code', () => {
  const TOKENS = { access_token: 'access', token_type: 'bearer' };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = () => ({
    iss: odd.issuer,
    sub: 'one',
    aud: 'monscale',
    nonce: 'nonce',
    iat: Math.floor(performance.timeOrigin / 1000),
    exp: Math.floor(performance.timeOrigin / 1000) + 3_600,
  });

  const answers: [string, () => unknown][] = [
    ['no ID token', () => TOKENS],
    ['an ID token that is a number', () => ({ ...TOKENS, id_token: 7 })],
    ['an ID token that nobody signed', () => ({ ...TOKENS, id_token: `${part({ alg: 'none' })}.${part(claims())}.` })],
    ['an ID token signed by nobody we know', () => ({ ...TOKENS, id_token: `${part({ alg: 'RS256' })}.${part(claims())}.AAAA` })],
    ['an ID token for another', () => ({ ...TOKENS, id_token: `${part({ alg: 'RS256' })}.${part({ ...claims(), aud: 'other' })}.AAAA` })],
    ['an ID token with another nonce', () => ({ ...TOKENS, id_token: `${part({ alg: 'RS256' })}.${part({ ...claims(), nonce: 'x' })}.AAAA` })],
    ['a refusal that repeats our secret', () => ({ error: 'invalid_client' })],
  ]; // prettier-ignore

  test.each(answers)('that is redeemed for %s signs nobody in', async (_, tokens) => {
    odd.responds = (response, issuer) => json(response, metadataOf(issuer));
    const metadata = await new IdentityProvider().metadata(oidc);
    odd.responds = (response) => {
      const isKeys = odd.requests.at(-1) === '/jwks';
      const body = isKeys ? { keys: [] } : tokens();
      json(response, body, 'error' in Object(body) ? 401 : 200);
    };
    const url = new URL(`${odd.issuer}/callback?code=code&state=state`);
    const checks = { expectedState: 'state', expectedNonce: 'nonce', pkceCodeVerifier: 'x'.repeat(43) };
    const redeemed = asked(odd.issuer, () => client.authorizationCodeGrant(metadata, url, checks));
    expect(await failure(redeemed)).toBeInstanceOf(BadGateway);
  });
});
