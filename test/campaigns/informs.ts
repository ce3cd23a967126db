import { createSession, ObjectType, Version2c, type Session } from 'net-snmp';

export const COMMUNITY = 'campaign';
export const OID = '1.3.6.1.4.1.97.0.1';
export const ROUND_OID = '1.3.6.1.4.1.97.1.0';
export const KEY_OID = '1.3.6.1.4.1.97.2.0';
/** What nobody waits for and nothing matches. */
const LOAD_OID = '1.3.6.1.4.1.97.0.2';

/** More at once do not fit into a socket's buffer as it is by default. */
const AT_ONCE = 64;
const TRAPS_EACH = 2;
const TIMEOUT_MS = 1_000;

/** Sends informs as fast as they are acknowledged, and traps between them; each once, whatever comes of it. */
export class InformSender {
  readonly acknowledged: string[] = [];
  private readonly session: Session;
  private readonly keys: Iterator<string>;
  private readonly waiting: { count: number; tell: () => void }[] = [];

  constructor(
    port: number,
    private readonly round: number,
    keys: readonly string[],
  ) {
    this.keys = keys.values();
    this.session = createSession('127.0.0.1', COMMUNITY, {
      trapPort: port,
      version: Version2c,
      retries: 0,
      timeout: TIMEOUT_MS,
    });
    // A listener that is dead.
    this.session.on('error', () => undefined);
  }

  /** Until each was sent, and acknowledged or not in time. */
  async send(): Promise<void> {
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.sendSome()));
    this.session.close();
  }

  /** When so many are acknowledged. */
  when(count: number): Promise<void> {
    return new Promise((tell) => this.waiting.push({ count, tell }));
  }

  private async sendSome(): Promise<void> {
    for (let next = this.keys.next(); !next.done; next = this.keys.next()) {
      for (let trap = 0; trap < TRAPS_EACH; trap++) this.session.trap(LOAD_OID, () => undefined);
      if (await this.isAcknowledged(next.value)) this.acknowledged.push(next.value);
      for (const { count, tell } of this.waiting) if (this.acknowledged.length >= count) tell();
    }
  }

  private isAcknowledged(key: string): Promise<boolean> {
    const varbinds = [
      { oid: ROUND_OID, type: ObjectType.OctetString, value: String(this.round) },
      { oid: KEY_OID, type: ObjectType.OctetString, value: key },
    ];
    return new Promise((resolve) =>
      this.session.inform(OID, varbinds, (error: Error | null) => resolve(!error)),
    );
  }
}
