import { createHash, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable, SetMetadata, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { Forbidden, Unauthorized } from '../common/errors';
import { CONFIG, type Config } from '../config/config';
import { Database } from '../database/database';

/** Who sent a request. */
export type Principal = { kind: 'administrator' } | { kind: 'source'; name: string; format: string };

const PUBLIC = 'monscale:public';
const INTAKE = 'monscale:intake';

/** Open to everybody: health, metrics, the API's description. */
export const Public = () => SetMetadata(PUBLIC, true);

/** Takes alerts: open to the sources of this format too, whose senders may give the token as `?token=`. */
export const IntakeOf = (format: string) => SetMetadata(INTAKE, format);

/** Under which name what a request brings is kept. */
export function sourceOf(request: FastifyRequest, format: string): { name: string; format: string } {
  const { principal } = request as { principal?: Principal };
  return { name: principal?.kind === 'source' ? principal.name : 'api', format };
}

/** Lets in the built-in administrator, and sources where they may send. */
@Injectable()
export class AuthGuard implements CanActivate {
  private readonly adminHash?: Buffer;

  constructor(
    private readonly reflector: Reflector,
    private readonly database: Database,
    @Inject(CONFIG) config: Config,
  ) {
    this.adminHash = config.adminToken === undefined ? undefined : hashOf(config.adminToken);
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const places = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean>(PUBLIC, places)) return true;
    const intake = this.reflector.getAllAndOverride<string | undefined>(INTAKE, places);
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const principal = await this.identify(request, intake !== undefined);
    if (principal.kind === 'source' && principal.format !== intake) {
      throw new Forbidden(
        `the token of source ${principal.name} is good for ${principal.format} alerts alone`,
      );
    }
    Object.assign(request, { principal });
    return true;
  }

  private async identify(request: FastifyRequest, isIntake: boolean): Promise<Principal> {
    const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    const { token: inQuery } = request.query as { token?: unknown };
    const token = bearer ?? (isIntake && typeof inQuery === 'string' ? inQuery : undefined);
    if (token === undefined) throw new Unauthorized('send your token as "Authorization: Bearer <token>"');
    const hash = hashOf(token);
    // Hashes are of one length, and comparing them takes the same time wherever they differ.
    if (this.adminHash !== undefined && timingSafeEqual(hash, this.adminHash))
      return { kind: 'administrator' };
    const [source] = await this.database.rows<{ name: string; format: string }>(
      'SELECT name, format FROM sources WHERE token_hash = $1',
      [hash],
      'auth_source',
    );
    if (source !== undefined) return { kind: 'source', ...source };
    throw new Unauthorized('this token is not known');
  }
}

/** How a token is kept: as a hash, so that what is stored lets nobody in. */
export const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest();
