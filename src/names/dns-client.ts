import { promises as dns } from 'node:dns';
import { NotFound, type Address, type Found } from './names';

/** Time that each server is waited for, milliseconds, and number of times that all of them are asked. */
const QUERY = { timeout: 1_500, tries: 2 };
/** Time that the other kind of address is waited for, once one kind is there, milliseconds. */
const OTHER_KIND_MS = 250;
/** Age at which the resolver is made anew, as the servers of this machine may have changed, milliseconds. */
const RENEW_MS = 30_000;

/** Codes of c-ares for an answer that says there is nothing, and for a name that can't exist. */
const UNKNOWN = ['ENOTFOUND', 'ENODATA', 'EBADNAME'];

/**
 * Asks the name servers of this machine. Unlike look-ups of the C library, these hold no thread of libuv's small pool
 * while they wait; all look-ups there and all reads of files share it.
 */
export class DnsClient {
  private resolver?: dns.Resolver;
  private madeAt = 0;

  /** @param servers used instead of those of this machine */
  constructor(private readonly servers?: readonly string[]) {}

  /**
   * Returns the name's addresses, IPv4 first, as most targets have one. @throws NotFound; Error when there is no answer
   */
  async ask(name: string): Promise<Found> {
    const resolver = this.current();
    const found: Found[] = [];
    const kinds = [
      resolver.resolve4(name, { ttl: true }).then((records) => found.push(foundIn(records, 4))),
      resolver.resolve6(name, { ttl: true }).then((records) => found.push(foundIn(records, 6))),
    ];
    const all = Promise.allSettled(kinds);
    try {
      await Promise.any(kinds);
    } catch (error) {
      throw failureOf(name, (error as AggregateError).errors as NodeJS.ErrnoException[]);
    }
    await Promise.race([all, new Promise((resolve) => setTimeout(resolve, OTHER_KIND_MS).unref())]);
    return merged(found);
  }

  private current(): dns.Resolver {
    const now = performance.now();
    if (this.resolver === undefined || now - this.madeAt > RENEW_MS) {
      this.resolver = new dns.Resolver(QUERY);
      if (this.servers !== undefined) this.resolver.setServers(this.servers);
      this.madeAt = now;
    }
    return this.resolver;
  }
}

function foundIn(records: { address: string; ttl: number }[], family: 4 | 6): Found {
  const addresses = records.map(({ address }): Address => ({ address, family }));
  return { addresses, ttlSeconds: Math.min(...records.map(({ ttl }) => ttl)) };
}

function merged(found: readonly Found[]): Found {
  const addresses = found.flatMap((kind) => kind.addresses);
  addresses.sort((one, other) => one.family - other.family);
  return { addresses, ttlSeconds: Math.min(...found.map(({ ttlSeconds }) => ttlSeconds)) };
}

/**
 * Makes the error of a failed look-up. When one kind of address is unknown and the other got no answer, the name counts
 * as unanswered.
 */
function failureOf(name: string, errors: readonly NodeJS.ErrnoException[]): Error {
  const trouble = errors.find(({ code }) => !UNKNOWN.includes(code ?? ''));
  return trouble === undefined
    ? new NotFound(name)
    : new Error(`the DNS gave no answer: ${trouble.code}`, { cause: trouble });
}
