import { isIP } from 'node:net';
import { RequestTimedOutError, type Varbind } from 'net-snmp';
import type { Reading } from '../common/reading';
import type { CommunitySockets, Destination } from './community-sockets';
import type { Get } from './get-message';
import type { ObjectList } from './object-list';
import { unlessAborted } from '../common/unless-aborted';
import { QuestionSize } from './question-size';
import { SentQuestion } from './sent-question';
import {
  addressOf,
  NAME_COUNTS_MS,
  QUESTIONS_AT_ONCE,
  SnmpAgent,
  TurnMissed,
  type Agent,
  type SentAtOnce,
} from './snmp-agent';
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
  private readonly version: Get['version'];
  private readonly community: Buffer;
  private readonly isNamed: boolean;
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
    this.version = target.version === '1' ? 0 : 1;
    this.community = Buffer.from(target.community);
    this.isNamed = isIP(target.host) === 0;
  }

  get(list: ObjectList, { timeoutMs, retries, isUrgent, signal }: Asking): Promise<readonly Reading[]> {
    const end = performance.now() + timeoutMs;
    const work = async (): Promise<readonly Reading[]> => {
      const left = { timeoutMs: end - performance.now(), retries };
      if (left.timeoutMs < 1) throw new TurnMissed();
      const address = this.known() ?? (await this.resolved());
      try {
        const readings = await this.sockets.ask(this.question(list), this.at(address), left);
        this.noteAnswer();
        return readings;
      } catch (error) {
        this.noteFailure(error);
        throw error;
      }
    };
    if (isUrgent) return work();
    return this.turns.take(() => (signal === undefined ? work() : unlessAborted(signal, work())));
  }

  send(list: ObjectList, tries: Tries): SentAtOnce | undefined {
    const address = this.known();
    if (address === undefined || this.turns.acquire(1) === 0) return undefined;
    const sent = new SentQuestion(() => this.turns.release(1));
    const failed = (failure: unknown): void => {
      this.noteFailure(failure);
      sent.end({ failure });
    };
    try {
      this.sockets.send(this.question(list), this.at(address), tries, {
        answered: (readings) => {
          this.noteAnswer();
          sent.end({ readings });
        },
        failed,
        late: () => sent.late(),
      });
    } catch (error) {
      failed(error);
    }
    return sent;
  }

  following(oid: string, atMost: number, tries: Tries): Promise<Varbind[]> {
    this.walker ??= new SnmpAgent(this.target);
    return this.walker.following(oid, atMost, tries);
  }

  close(): void {
    this.walker?.close();
  }

  private question({ oids, objects }: ObjectList): Get {
    return { version: this.version, community: this.community, oids, objects };
  }

  private at(address: string): Destination {
    return { address, port: this.target.port, onNonsense: this.onNonsense };
  }

  private noteAnswer(): void {
    this.nonsense = undefined;
  }

  private noteFailure(error: unknown): void {
    // Perhaps another machine has the name by now.
    if (error instanceof RequestTimedOutError) this.address = undefined;
  }

  private readonly onNonsense = (why: string): void => {
    this.nonsense = why;
  };

  private known(): string | undefined {
    const isStale = this.isNamed && performance.now() - this.resolvedAt > NAME_COUNTS_MS;
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
