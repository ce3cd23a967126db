import { Readable } from 'node:stream';
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { mergeMap, type Observable } from 'rxjs';
import { heard } from '../common/heard';
import { hasList, jsonParts } from '../common/json-text';

/**
 * Interceptor that writes answers with lists in slices, and sends longer ones while they are written: a page may have
 * 500 MB.
 */
@Injectable()
export class LongAnswers implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      mergeMap(async (answer: unknown) => {
        if (answer instanceof Readable || !hasList(answer)) return answer;
        const parts = jsonParts(answer);
        const { value: first = '' } = await parts.next();
        const { value: second } = await parts.next();
        void context.switchToHttp().getResponse<FastifyReply>().type('application/json; charset=utf-8');
        if (second === undefined) return first;
        return heard(Readable.from(following([first, second], parts)));
      }),
    );
  }
}

async function* following(begun: readonly string[], rest: AsyncIterable<string>): AsyncGenerator<string> {
  yield* begun;
  yield* rest;
}
