import { promises as dns } from 'node:dns';
import { NotFound, type Address, type Found } from './names';

/** How long each server is waited for, and how often all of them are asked. */
const QUERY = { timeout: 1_500, tries: 2 };
/** When one kind of address is there, the other is waited for no longer. */
const OTHER_KIND_MS = 250;
/** The servers of this machine may have changed. */
const RENEW_MS = 30_000;

/** Codes of c-ares for an answer that says there is nothing, and for a name that none can have. */
const UNKNOWN = ['ENOTFOUND', 'ENODATA', 'EBADNAME'];

/**
 * Asks the name servers of this machine. Unlike the C library's, these questions hold no thread while they wait: of
 * those there are few, and everything of the program that looks up a name, or reads a file, waits for one.
 */
export class DnsClient {
  private resolver?: dns.Resolver;
  private madeAt = 0;

  /** @param servers instead of those of this machine */
  constructor(private readonly servers?: readonly string[]) {}

  /** The name's addresses, IPv4 first: most of what is asked has one. @throws NotFound; Error when there is no answer */
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

/** A server that knows nothing of one kind, and does not answer for the other, is one that does not answer. */
function failureOf(name: string, errors: readonly NodeJS.ErrnoException[]): Error {
  const trouble = errors.find(({ code }) => !UNKNOWN.includes(code ?? ''));
  return trouble === undefined
    ? new NotFound(name)
    : new Error(`the DNS gave no answer: ${trouble.code}`, { cause: trouble });
}
