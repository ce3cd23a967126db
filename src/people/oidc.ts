import { Inject, Injectable, Logger } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import * as client from 'openid-client';
import { clientAddress } from '../auth/client-address';
import { CLOCK, type Clock } from '../common/clock';
import { BadGateway, Forbidden, InvalidInput, NotFound } from '../common/errors';
import { telemetry } from '../common/telemetry';
import { CONFIG, type Config, type OidcConfig } from '../config/config';
import { Audit } from '../database/audit';
import { Database } from '../database/database';
import { cookieIn, setCookie } from './cookies';
import { asked, IdentityProvider, printable } from './identity-provider';
import { begunIn, signed, SIGN_IN_SECONDS, type Begun } from './oidc-cookie';
import { OidcUsers, type Account } from './oidc-users';
import { isSecure, publicOriginOf } from './origins';
import { UserSessions } from './user-sessions';

export const CALLBACK = '/api/v1/auth/oidc/callback';
const SUBJECT_CHARACTERS = 255;
const TEXT_CHARACTERS = 200;
const GROUPS_AT_MOST = 500;
/** Longest ID token that is kept for signing out: it becomes part of a URL. */
const ID_TOKEN_CHARACTERS = 6_000;

/** Redirect, and the cookies that go with it. */
export interface Redirect {
  url: string;
  cookies: string[];
}

/** Signing in by the provider: authorization code flow with PKCE, state and nonce. */
@Injectable()
export class Oidc {
  private readonly logger = new Logger('Oidc');

  constructor(
    private readonly database: Database,
    private readonly provider: IdentityProvider,
    private readonly users: OidcUsers,
    private readonly sessions: UserSessions,
    private readonly audit: Audit,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Begins a sign-in. @param returnTo path of ours, where it ends
   *
   * @throws NotFound without a provider; InvalidInput; Unavailable, BadGateway
   */
  async begin(returnTo: string, request: FastifyRequest): Promise<Redirect> {
    const oidc = this.oidc();
    const problem = pathProblem(returnTo);
    if (problem !== undefined) throw new InvalidInput([{ pointer: '/returnTo', detail: problem }]);
    const metadata = await this.provider.metadata(oidc);
    const begun: Begun = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier(),
      returnTo,
    };
    const url = await asked(oidc.issuer, async () =>
      client.buildAuthorizationUrl(metadata, {
        redirect_uri: this.callbackUrl(request).href,
        scope: oidc.scopes,
        state: begun.state,
        nonce: begun.nonce,
        code_challenge: await client.calculatePKCECodeChallenge(begun.verifier),
        code_challenge_method: 'S256',
      }),
    );
    const value = signed(begun, await this.key(), this.clock.now());
    return { url: url.href, cookies: [this.cookie(request, value, SIGN_IN_SECONDS)] };
  }

  /**
   * Ends a sign-in: makes or finds the user, and begins a session.
   *
   * @throws InvalidInput when this browser began no such sign-in; Forbidden when the provider or we refuse
   * @throws Unavailable, BadGateway
   */
  async end(request: FastifyRequest): Promise<Redirect> {
    const oidc = this.oidc();
    try {
      const { returnTo, ...begun } = await this.begunBy(request);
      const url = this.callbackUrl(request);
      url.search = new URL(request.raw.url ?? '', url).search;
      const { account, idToken } = await this.accountAt(oidc, url, begun);
      const { name, cookie } = await this.database.transaction(async (sql) => {
        const user = await this.users.signedIn(sql, account);
        return { ...user, cookie: await this.sessions.begin(sql, user.id, request, 'provider', idToken) };
      });
      telemetry.signIns.inc({ way: 'oidc', outcome: 'right' });
      this.logger.log(`${name} signed in from ${clientAddress(request.raw)} by ${oidc.issuer}`);
      // What has been used is of no use again.
      return { url: returnTo, cookies: [cookie, this.cookie(request, '', 0)] };
    } catch (error) {
      telemetry.signIns.inc({ way: 'oidc', outcome: error instanceof Forbidden ? 'wrong' : 'failed' });
      // What a provider or a browser got wrong is counted; that somebody may not is written down.
      if (error instanceof Forbidden) this.noteRefusal(error.message, request);
      throw error;
    }
  }

  private noteRefusal(why: string, request: FastifyRequest): void {
    const caller = { actor: 'nobody', via: 'anonymous', address: clientAddress(request.raw) } as const;
    const detail = { way: 'provider', why };
    void this.audit.note({ action: 'sign_in', object: { type: 'user' }, outcome: 'refused', detail, caller });
  }

  /** Returns the URL that signs out at the provider; undefined when it has none, or does not answer. */
  async endSessionUrl(idToken: string, request: FastifyRequest): Promise<string | undefined> {
    const { oidc } = this.config;
    if (oidc === undefined) return undefined;
    try {
      const metadata = await this.provider.metadata(oidc);
      const returnTo = new URL('/', this.callbackUrl(request)).href;
      return client.buildEndSessionUrl(metadata, {
        id_token_hint: idToken,
        post_logout_redirect_uri: returnTo,
      }).href;
    } catch {
      return undefined;
    }
  }

  private oidc(): OidcConfig {
    const { oidc } = this.config;
    if (oidc === undefined) throw new NotFound('provider to sign in by', 'MONSCALE_OIDC_ISSUER is not set');
    return oidc;
  }

  private callbackUrl({ raw }: FastifyRequest): URL {
    const origin = publicOriginOf(raw, this.config.publicUrl);
    if (origin === undefined)
      throw new InvalidInput([
        { pointer: '', detail: 'the header Host names no host; set MONSCALE_PUBLIC_URL' },
      ]);
    return new URL(CALLBACK, origin);
  }

  private cookie({ raw }: FastifyRequest, value: string, maxAge: number): string {
    return setCookie('monscale-oidc', value, isSecure(raw, this.config.publicUrl), maxAge);
  }

  private async begunBy({ raw, query }: FastifyRequest): Promise<Begun> {
    const cookie = cookieIn(raw, 'monscale-oidc', isSecure(raw, this.config.publicUrl));
    const again = 'begin again at /api/v1/auth/oidc';
    if (cookie === undefined)
      throw wrongCallback(`this browser has begun no sign-in, or has ended it already; ${again}`);
    const begun = begunIn(cookie, await this.key(), this.clock.now());
    if (begun === undefined) throw wrongCallback(`the sign-in was begun too long ago, or not here; ${again}`);
    if ((query as { state?: unknown }).state !== begun.state)
      throw wrongCallback(`this is the end of another sign-in than this browser began last; ${again}`);
    return begun;
  }

  private async key(): Promise<Buffer> {
    const [row] = await this.database.rows<{ key: Buffer }>('SELECT key FROM cookie_keys');
    return row!.key;
  }

  /** Redeems the code that the provider sent, and returns who it is for. */
  private async accountAt(
    oidc: OidcConfig,
    url: URL,
    { state, nonce, verifier }: Omit<Begun, 'returnTo'>,
  ): Promise<{ account: Account; idToken?: string }> {
    const metadata = await this.provider.metadata(oidc);
    const refused = url.searchParams.get('error');
    const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier };
    const answer = await asked(oidc.issuer, () =>
      client.authorizationCodeGrant(metadata, url, checks).catch((error: unknown) => {
        if (!(error instanceof client.AuthorizationResponseError)) throw error;
        return undefined;
      }),
    );
    if (answer === undefined) {
      const description = url.searchParams.get('error_description') ?? '';
      throw new Forbidden(`the provider refused: ${printable(`${refused} ${description}`)}`);
    }
    const claims = answer.claims();
    if (claims === undefined) throw new BadGateway(`the provider ${oidc.issuer} sent no ID token`);
    const isComplete = Object.hasOwn(claims, oidc.groupsClaim) && Object.hasOwn(claims, 'preferred_username');
    const more =
      isComplete || metadata.serverMetadata().userinfo_endpoint === undefined
        ? {}
        : await asked(oidc.issuer, () => client.fetchUserInfo(metadata, answer.access_token, claims.sub));
    const { id_token: idToken = '' } = answer;
    return {
      account: accountOf({ ...more, ...claims }, oidc),
      ...(idToken.length > ID_TOKEN_CHARACTERS ? {} : { idToken }),
    };
  }
}

const wrongCallback = (detail: string): InvalidInput => new InvalidInput([{ pointer: '', detail }]);

/** Returns what is wrong with a path of ours, as the end of a sentence. */
export function pathProblem(path: string): string | undefined {
  // Browsers take a backslash for a slash, and leave out tabs and line breaks.
  const isPath = path.length <= 2_000 && /^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(path);
  const base = 'http://monscale.invalid';
  return isPath && URL.canParse(path, base) && new URL(path, base).origin === base
    ? undefined
    : 'must be a path of this program, such as /services';
}

type Claims = Record<string, unknown> & { iss: string; sub: string };

/** Returns an account as claims describe it. @throws BadGateway for a subject that is none */
export function accountOf(claims: Claims, { issuer, groupsClaim }: OidcConfig): Account {
  const { iss, sub } = claims;
  if (sub === '' || sub.length > SUBJECT_CHARACTERS || sub.includes('\0'))
    throw new BadGateway(`the provider ${issuer} names a subject of no or too many characters`);
  const text = (name: string): string | undefined => {
    const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
    return typeof value === 'string' && value.length <= TEXT_CHARACTERS && !value.includes('\0')
      ? value
      : undefined;
  };
  const names = [text('preferred_username'), text('nickname'), text('name')];
  return {
    issuer: iss,
    subject: sub,
    names: names.filter((name) => name !== undefined),
    displayName: text('name') ?? '',
    email: text('email'),
    groups: groupsIn(Object.hasOwn(claims, groupsClaim) ? claims[groupsClaim] : undefined),
  };
}

/** Returns the groups of a claim: a text is one, a list has many; what is no name of a group counts for nothing. */
function groupsIn(claim: unknown): string[] {
  const given: unknown[] = Array.isArray(claim) ? claim.slice(0, GROUPS_AT_MOST) : [claim];
  const groups = given.filter(
    (group): group is string =>
      typeof group === 'string' && group !== '' && group.length <= TEXT_CHARACTERS && !group.includes('\0'),
  );
  return [...new Set(groups)];
}
