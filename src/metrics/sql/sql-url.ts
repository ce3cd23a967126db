import { withoutBrackets } from '../../common/addresses';
import type { HttpTls } from '../../targets/http/request';
import { isDecodable } from '../decodable';

const SHAPE = /^postgres(ql)?:\/\/[^\s#]+$/i;
const MODES = ['disable', 'require', 'verify-full', 'no-verify'];
const DEFAULT_PORT = 5432;

/** Where a database is, and as whom it is asked. */
export interface SqlAddress {
  host: string;
  port: number;
  user?: string;
  password?: string;
  database: string;
  /** As `tls.connect` takes it; false: no TLS. */
  ssl: HttpTls | false;
}

/** What is wrong with the address of a database; the address itself is not repeated, it may hold a password. */
export function sqlUrlProblem(url: string): string | undefined {
  if (!SHAPE.test(url) || !URL.canParse(url)) return 'must be postgres://user:password@host:5432/database';
  const { hostname, pathname, username, password, searchParams } = new URL(url);
  if (hostname === '') return 'must name a host';
  if (!/^\/[^/]+$/.test(pathname)) return 'must end in the name of the database';
  if (![username, password, pathname].every(isDecodable))
    return 'has a % that stands for no character; write %25';
  const mode = searchParams.get('sslmode');
  if ([...searchParams.keys()].some((name) => name !== 'sslmode'))
    return 'takes nothing but sslmode after its ?';
  return mode === null || MODES.includes(mode)
    ? undefined
    : `has an sslmode that is none of ${MODES.join(', ')}`;
}

/** @param url one that `sqlUrlProblem` finds nothing wrong with */
export function sqlAddress(url: string, tls?: HttpTls): SqlAddress {
  const { hostname, port, pathname, username, password, searchParams } = new URL(url);
  const mode = searchParams.get('sslmode') ?? (tls ? 'verify-full' : 'disable');
  const trust = mode === 'no-verify' ? { rejectUnauthorized: false } : {};
  return {
    host: withoutBrackets(hostname),
    port: Number(port || DEFAULT_PORT),
    user: decodeURIComponent(username) || undefined,
    password: decodeURIComponent(password) || undefined,
    database: decodeURIComponent(pathname.slice(1)),
    ssl: mode === 'disable' ? false : { ...tls, ...trust },
  };
}
