import type { HttpTls } from '../../targets/http/http-call';
import { isDecodable } from '../decodable';

const SHAPE = /^postgres(ql)?:\/\/[^\s#]+$/i;
/** Host with or without a port; an IPv6 address stands in brackets. */
const HOST = /^(\[[0-9a-f:.]+\]|[^[\]:/,]+)(:\d{1,5})?$/i;
const HOSTS_AT_MOST = 8;
const MODES = ['disable', 'require', 'verify-full', 'no-verify'];
const DEFAULT_PORT = 5432;
/** Values of target_session_attrs, as libpq has them (PostgreSQL, 34.1.2). */
const SESSIONS = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const;
const PARAMS = ['sslmode', 'target_session_attrs'];

/** Kind of server that is wanted of several. */
export type Session = (typeof SESSIONS)[number];

export interface SqlHost {
  host: string;
  port: number;
}

/** Address of a database, and the user to ask it as. */
export interface SqlAddress {
  /** Hosts in the order in which they are tried. */
  hosts: SqlHost[];
  session: Session;
  user?: string;
  password?: string;
  database: string;
  /** Options for `tls.connect`; false: no TLS. */
  ssl: HttpTls | false;
}

/**
 * Returns what is wrong with the address of a database; the address itself is not repeated, as it may hold a password.
 */
export function sqlUrlProblem(url: string): string | undefined {
  const { hosts, rest } = parted(url);
  if (!SHAPE.test(url) || !URL.canParse(rest)) return 'must be postgres://user:password@host:5432/database';
  const { pathname, username, password, searchParams } = new URL(rest);
  const problem = hostsProblem(hosts);
  if (problem) return problem;
  if (!/^\/[^/]+$/.test(pathname)) return 'must end in the name of the database';
  if (![username, password, pathname].every(isDecodable))
    return 'has a % that stands for no character; write %25';
  if ([...searchParams.keys()].some((name) => !PARAMS.includes(name)))
    return 'takes nothing but sslmode and target_session_attrs after its ?';
  const mode = searchParams.get('sslmode');
  if (mode !== null && !MODES.includes(mode)) return `has an sslmode that is none of ${MODES.join(', ')}`;
  const session = searchParams.get('target_session_attrs');
  return session === null || SESSIONS.includes(session as Session)
    ? undefined
    : `has a target_session_attrs that is none of ${SESSIONS.join(', ')}`;
}

function hostsProblem(hosts: string[]): string | undefined {
  if (hosts.includes('')) return 'must name a host';
  if (hosts.length > HOSTS_AT_MOST) return `must name at most ${HOSTS_AT_MOST} hosts`;
  if (!hosts.every((host) => HOST.test(host)))
    return 'must name its hosts as host:5432,host:5432; an IPv6 address stands in brackets';
  const ports = hosts.map((host) => hostOf(host).port);
  return ports.every((port) => port > 0 && port <= 65_535) ? undefined : 'must have ports from 1 to 65535';
}

/**
 * Reads the address of a database from its url.
 *
 * @param url url without problems by `sqlUrlProblem`
 */
export function sqlAddress(url: string, tls?: HttpTls): SqlAddress {
  const { hosts, rest } = parted(url);
  const { pathname, username, password, searchParams } = new URL(rest);
  const mode = searchParams.get('sslmode') ?? (tls ? 'verify-full' : 'disable');
  const trust = mode === 'no-verify' ? { rejectUnauthorized: false } : {};
  return {
    hosts: hosts.map(hostOf),
    session: (searchParams.get('target_session_attrs') ?? 'any') as Session,
    user: decodeURIComponent(username) || undefined,
    password: decodeURIComponent(password) || undefined,
    database: decodeURIComponent(pathname.slice(1)),
    ssl: mode === 'disable' ? false : { ...tls, ...trust },
  };
}

/** Writes a host for sentences. */
export const hostText = ({ host, port }: SqlHost): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** Splits a url into its hosts, of which a URL may have only one, and a URL with a single host in their place. */
function parted(url: string): { hosts: string[]; rest: string } {
  const [, scheme = '', authority = '', end = ''] = /^(.*?:\/\/)([^/?]*)(.*)$/s.exec(url) ?? [];
  const at = authority.lastIndexOf('@') + 1;
  return {
    hosts: authority.slice(at).split(','),
    rest: `${scheme}${authority.slice(0, at)}host${end}`,
  };
}

function hostOf(text: string): SqlHost {
  const [, host = text, port] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(text) ?? [];
  return { host, port: Number(port ?? DEFAULT_PORT) };
}
