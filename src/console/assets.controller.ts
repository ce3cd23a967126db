import { Controller, Get, Param, Req, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Public } from '../auth/access';
import { NotFound } from '../common/errors';
import { storable } from '../common/json';
import { ConsoleFiles, type Asset, type Encoding } from './files';

/** Assets of the console. Their names change with their content: browsers keep them for good. */
@ApiExcludeController()
@Controller('assets')
export class AssetsController {
  constructor(private readonly files: ConsoleFiles) {}

  @Get(':name')
  @Public()
  asset(
    @Param('name') name: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Buffer {
    const asset = this.files.asset(name);
    if (asset === undefined) throw new NotFound('asset', storable(name));
    const encoding = encodingFor(request.headers['accept-encoding'], asset);
    void reply.headers({
      'Content-Type': asset.type,
      'Cache-Control': 'public, max-age=31536000, immutable',
      Vary: 'Accept-Encoding',
      ...(encoding === undefined ? {} : { 'Content-Encoding': encoding }),
    });
    return encoding === undefined ? asset.plain : asset.encoded[encoding]!;
  }
}

/** Returns the best encoding that a client takes and the asset has (RFC 9110, 12.5.3). */
function encodingFor(accepted: string | string[] | undefined, { encoded }: Asset): Encoding | undefined {
  const taken = String(accepted ?? '')
    .split(',')
    .map((one) => one.trim().toLowerCase())
    .filter((one) => !/;\s*q=0(\.0*)?$/.test(one))
    .map((one) => one.split(';', 1)[0]!.trim());
  return (['br', 'gzip'] as const).find((one) => taken.includes(one) && encoded[one] !== undefined);
}
