import { isIP } from 'node:net';
import { RequestTimedOutError, type Varbind } from 'net-snmp';
import type { Reading } from '../common/reading';
import type { CommunitySockets } from './community-sockets';
import { objectsOf } from './get-message';
import { unlessAborted } from '../common/unless-aborted';
import { QuestionSize } from './question-size';
import { addressOf, NAME_COUNTS_MS, QUESTIONS_AT_ONCE, SnmpAgent, type Agent } from './snmp-agent';
import type { Asking, Tries } from './snmp-session';
import type { SnmpTarget } from './snmp-target';
import { Limiter } from '../common/limiter';
import { normalAddress } from './zone';

/**
 * Agent that is asked in version 1 or 2c, through shared sockets. Its name is looked up again when an answer is missing
 * or the address is `NAME_COUNTS_MS` old; at most `QUESTIONS_AT_ONCE` questions that are not urgent are under way.
 */
export class CommunityAgent implements Agent {
  /** Why the last message from the agent's address was no SNMP; undefined after a good answer. */
  nonsense: string | undefined;
  tellsUpTime: boolean | undefined;
  private readonly turns = new Limiter(QUESTIONS_AT_ONCE);
  private readonly community: Buffer;
  /** Agent with a socket of its own, for walks, which are rare. */
  private walker: SnmpAgent | undefined;
  private address: string | undefined;
  private resolving: Promise<string> | undefined;
  private resolvedAt = 0;

  constructor(
    private readonly target: SnmpTarget,
    private readonly sockets: CommunitySockets,
    readonly size = new QuestionSize(),
  ) {
    this.community = Buffer.from(target.community);
  }

  get(oids: string[], { timeoutMs, retries, isUrgent, signal }: Asking): Promise<Reading[]> {
    const end = performance.now() + timeoutMs;
    const work = async (): Promise<Reading[]> => {
      const left = { timeoutMs: end - performance.now(), retries };
      if (left.timeoutMs < 1) throw new RequestTimedOutError('its turn did not come');
      const address = this.known() ?? (await this.resolved());
      const version = this.target.version === '1' ? 0 : 1;
      const get = { version, community: this.community, oids, objects: objectsOf(oids) } as const;
      const to = { address, port: this.target.port, onNonsense: this.onNonsense };
      try {
        const readings = await this.sockets.ask(get, to, left);
        this.nonsense = undefined;
        return readings;
      } catch (error) {
        // Perhaps another machine has the name by now.
        if (error instanceof RequestTimedOutError) this.address = undefined;
        throw error;
      }
    };
    if (isUrgent) return work();
    return this.turns.take(() => (signal === undefined ? work() : unlessAborted(signal, work())));
  }

  following(oid: string, atMost: number, tries: Tries): Promise<Varbind[]> {
    this.walker ??= new SnmpAgent(this.target);
    return this.walker.following(oid, atMost, tries);
  }

  close(): void {
    this.walker?.close();
  }

  private readonly onNonsense = (why: string): void => {
    this.nonsense = why;
  };

  private known(): string | undefined {
    const isStale = isIP(this.target.host) === 0 && performance.now() - this.resolvedAt > NAME_COUNTS_MS;
    return isStale ? undefined : this.address;
  }

  private resolved(): Promise<string> {
    this.resolving ??= this.resolve().finally(() => (this.resolving = undefined));
    return this.resolving;
  }

  private async resolve(): Promise<string> {
    const { host } = this.target;
    this.address = normalAddress(await addressOf(host));
    this.resolvedAt = performance.now();
    return this.address;
  }
}
