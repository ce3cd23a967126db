import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { ANYBODY_BYTES_AT_MOST } from '../api/bodies';
import { hasPlainBody, keepBody, readBody } from '../api/body';
import { ANYBODY, bodyBudget, type Lease } from '../api/body-budget';
import { textOf } from '../api/charset';
import { errorAnswer, refuse, write } from '../api/raw-answer';
import { isJson } from '../api/raw-body';
import { check } from '../common/check';
import { exactJsonInTurns } from '../common/json';
import { CONFIG, type Config } from '../config/config';
import { refuseKnownOtherSites } from './origins';
import { SignInDto } from './sign-in.dto';
import { SignIn } from './sign-in';

const PATH = /^\/api\/v1\/session\/?(?:\?|$)/;

/**
 * Refuses passwords of a flood before the framework sees them. What the framework makes for a request lives as long as
 * the refusal is held back, and is copied by each collection of garbage meanwhile, which everything else waits for: that
 * was the slowest hundredth of alerts during a flood. All that is not refused at the door goes to the framework, with
 * the body that was read here; it checks everything anew.
 */
@Injectable()
export class SignInDoor {
  private readonly logger = new Logger('Http');

  constructor(
    private readonly signIn: SignIn,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Takes the request if it is an ordinary one to sign in.
   *
   * @param framework answers those that are not refused here
   * @returns false when the request is for the framework; nothing of it was touched then
   */
  takes(request: IncomingMessage, response: ServerResponse, framework: RequestListener): boolean {
    const { method, url = '', headers } = request;
    if (method !== 'POST' || !PATH.test(url)) return false;
    if (!hasPlainBody(request) || !isJson(headers['content-type']) || !this.isOurs(request)) return false;
    void this.answer(request, response, framework);
    return true;
  }

  private isOurs(request: IncomingMessage): boolean {
    try {
      refuseKnownOtherSites(request, this.config.publicUrl);
      return true;
    } catch {
      return false;
    }
  }

  private async answer(
    request: IncomingMessage,
    response: ServerResponse,
    framework: RequestListener,
  ): Promise<void> {
    try {
      const body = await bodyOf(request, response);
      const username = await usernameIn(body);
      const refusal = username === undefined ? undefined : this.signIn.refusalOf(username, request);
      if (refusal === undefined) {
        keepBody(request, body);
        framework(request, response);
      } else write(response, errorAnswer(await refusal, this.logger));
    } catch (error) {
      refuse(request, response, error, this.logger);
    }
  }
}

async function bodyOf(request: IncomingMessage, response: ServerResponse): Promise<Buffer> {
  let lease: Lease | undefined;
  try {
    lease = bodyBudget.lease(ANYBODY);
    // Mostly it has come along with the head, and is there once that was parsed.
    await Promise.resolve();
    return await readBody(request, response, ANYBODY_BYTES_AT_MOST, lease);
  } finally {
    lease?.end();
  }
}

/** Returns the name that a body wants to sign in with; undefined where the body is wrong: the framework says how. */
async function usernameIn(body: Buffer): Promise<string | undefined> {
  try {
    return check(SignInDto, await exactJsonInTurns(textOf(body, undefined))).value?.username;
  } catch {
    return undefined;
  }
}
