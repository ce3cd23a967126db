import { Injectable, SetMetadata, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { Forbidden, Unauthorized } from '../common/errors';
import { Identities, type Principal, type Sender } from './identities';

/** Which format a way in takes, and where else than in its usual places a request has its token. */
interface WayIn {
  format: (request: FastifyRequest) => string;
  elsewhere?: (request: FastifyRequest) => string | undefined;
}

const PUBLIC = 'monscale:public';
const INTAKE = 'monscale:intake';

/** Open to everybody: health, metrics, the API's description. */
export const Public = () => SetMetadata(PUBLIC, true);

/**
 * Takes alerts: open to the sources of this format too, whose senders may give the token as `?token=` or as the
 * password of basic authentication.
 */
export const IntakeOf = (format: string | WayIn['format'], elsewhere?: WayIn['elsewhere']) =>
  SetMetadata(INTAKE, {
    format: typeof format === 'string' ? () => format : format,
    elsewhere,
  } satisfies WayIn);

/** The source that sent a request; who has an API token sends as `api`. */
export function senderOf(request: FastifyRequest): Sender {
  const { principal } = request as { principal?: Principal };
  return principal?.kind === 'source' ? principal : { name: 'api' };
}

/** Lets in the built-in administrator, and sources where they may send. */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly identities: Identities,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const places = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean>(PUBLIC, places)) return true;
    const intake = this.reflector.getAllAndOverride<WayIn | undefined>(INTAKE, places);
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const principal = await this.identify(request, intake);
    if (principal.kind === 'source' && principal.format !== intake?.format(request)) {
      throw new Forbidden(
        `the token of source ${principal.name} is good for ${principal.format} alerts alone`,
      );
    }
    Object.assign(request, { principal });
    return true;
  }

  private async identify(request: FastifyRequest, intake: WayIn | undefined): Promise<Principal> {
    const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const token = bearer ?? (intake && tokenIn(request, intake));
    if (token === undefined) throw new Unauthorized('send your token as "Authorization: Bearer <token>"');
    return this.identities.of(token);
  }
}

/** A token where senders of alerts may have it who can't set a bearer token. */
function tokenIn(request: FastifyRequest, { elsewhere }: WayIn): string | undefined {
  const basic = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const [, password] = /^[^:]*:(.+)$/s.exec(Buffer.from(basic ?? '', 'base64').toString('utf8')) ?? [];
  const { token } = request.query as { token?: unknown };
  return password ?? (typeof token === 'string' ? token : elsewhere?.(request));
}
