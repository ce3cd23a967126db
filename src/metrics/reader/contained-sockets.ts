/**
 * Containment of errors of decoding: libraries decode answers in handlers of sockets, where an exception ends the
 * process. Here it ends that connection instead, and an answer that is too large is not even decoded.
 */
import type { AsyncLocalStorage } from 'node:async_hooks';
import { Socket } from 'node:net';
import { refuseAddress } from '../../targets/address-guard';
import { BrokenAnswer, type AnswerCheck } from './broken-answer';
import type { Protocol, Refusal } from './messages';
import { PostgresMessages } from './postgres-messages';
import { RedisReplies } from './redis-replies';

/**
 * Tells whether a connection may stay, and destroys it if not: addresses that no target may have are refused, whether
 * we or a target named them.
 */
function mayStay(socket: Socket): boolean {
  try {
    refuseAddress(socket.remoteAddress ?? '');
    return true;
  } catch (error) {
    socket.destroy(error as Error);
    return false;
  }
}

/** Question on whose behalf something is done, wherever in the libraries. */
export interface Asked {
  readonly protocol: Protocol;
  readonly target: string;
}

const CHECKS: Record<Protocol, () => AnswerCheck> = {
  sql: () => new PostgresMessages(),
  redis: () => new RedisReplies(),
};
const NAMES: Record<Protocol, string> = { sql: 'PostgreSQL', redis: 'Redis' };

/**
 * Contains every socket of this process that a question made: the libraries open more of them than can be handed in, to
 * Sentinels, nodes and subscribers. On TLS the deciphered bytes are checked.
 *
 * @param onAnswer called when bytes of a target are about to be decoded
 */
export function containSockets(
  asked: AsyncLocalStorage<Asked>,
  onAnswer: (target: string) => void,
  onRefused: (protocol: Protocol, why: Refusal) => void,
): void {
  // eslint-disable-next-line @typescript-eslint/unbound-method
  const emit = Socket.prototype.emit as (this: Socket, ...args: unknown[]) => boolean;
  const checks = new WeakMap<Socket, AnswerCheck>();
  const contained = function (this: Socket, ...args: unknown[]): boolean {
    const [event] = args;
    const context = event === 'data' || event === 'connect' ? asked.getStore() : undefined;
    if (context === undefined) return emit.apply(this, args);
    if (event === 'connect') return mayStay(this) && emit.apply(this, args);
    onAnswer(context.target);
    let check = checks.get(this);
    if (check === undefined) checks.set(this, (check = CHECKS[context.protocol]()));
    try {
      check.take(args[1] as Buffer);
      return emit.apply(this, args);
    } catch (error) {
      const told =
        error instanceof BrokenAnswer
          ? error
          : new BrokenAnswer(
              `what it answers is not as ${NAMES[context.protocol]} does; is the port right?`,
              'form',
            );
      onRefused(context.protocol, told.why);
      this.destroy(told);
      return true;
    }
  };
  Socket.prototype.emit = contained as typeof Socket.prototype.emit;
}
