/** Most hosts that `DATABASE_URL` may name: each may have to be tried before a connection is there. */
export const POSTGRES_HOSTS_AT_MOST = 16;

const PARTS = /^(postgres(?:ql)?:\/\/(?:[^@/?#]*@)?)([^/?#]*)([^]*)$/;

/** Parts of a URL of PostgreSQL: what stands before its hosts, the hosts, and what stands behind them. */
export interface PostgresUrl {
  before: string;
  hosts: string[];
  after: string;
}

/** Returns the parts of a URL of PostgreSQL; undefined of one that is of another form. */
export function postgresUrl(url: string): PostgresUrl | undefined {
  const [, before, hosts, after] = PARTS.exec(url) ?? [];
  return hosts === undefined ? undefined : { before: before!, hosts: hosts.split(','), after: after! };
}
