/**
 * A real OpenID provider (oidc-provider, which only runs as ES modules: a process of its own). Whoever comes is signed in
 * at once as the account that was set last, by `POST /stand-in {account: {sub, …claims} | null}`; null is refused.
 * Arguments: port, redirect URI, sign-out URI.
 */
import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const [port, redirectUri, signOutUri] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const accounts = new Map();
let current = null;

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'monscale',
      client_secret: 'the-secret-of-the-client',
      redirect_uris: redirectUri.split(','),
      post_logout_redirect_uris: signOutUri.split(','),
    },
  ],
  scopes: ['openid', 'profile', 'email'],
  claims: { openid: ['sub'], profile: ['preferred_username', 'name', 'groups'], email: ['email'] },
  findAccount: (_context, sub) => ({ accountId: sub, claims: async () => accounts.get(sub) }),
  interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
  features: { devInteractions: { enabled: false } },
  cookies: { keys: ['a key of the stand-in'] },
  pkce: { required: () => true },
});
// Clients on loopback come without TLS.
provider.proxy = false;

const handle = provider.callback();
createServer(async (request, response) => {
  if (request.url === '/stand-in') {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    current = JSON.parse(Buffer.concat(chunks).toString()).account;
    if (current !== null) accounts.set(current.sub, current);
    return response.end();
  }
  if (!request.url.startsWith('/interaction/')) return handle(request, response);
  const { prompt, params, grantId } = await provider.interactionDetails(request, response);
  if (current === null) {
    const refusal = { error: 'access_denied', error_description: 'not for you' };
    return provider.interactionFinished(request, response, refusal);
  }
  if (prompt.name === 'login')
    return provider.interactionFinished(request, response, { login: { accountId: current.sub } });
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: current.sub, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  return provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
