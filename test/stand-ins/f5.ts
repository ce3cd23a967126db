/**
 * An F5 BIG-IP, as far as members of pools go, and strict about it: login by token, the token's end, the partition in
 * paths and bodies, content types, the words that may be written. Wire format: F5, "iControl REST User Guide"; shapes and
 * texts as public clients of it record them.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ServerOptions } from 'node:https';
import { isIPv4, isIPv6 } from 'node:net';
import { bodyOf, HttpStandIn } from './http-stand-in';

const POOL_PATH = /^\/mgmt\/tm\/ltm\/pool\/([^/]+)\/members(?:\/([^/]+))?(\/stats)?$/;
const PARTITION_PATH = /^\/mgmt\/tm\/auth\/partition\/([^/]+)$/;
/** With folders, `~Tenant~app~10.0.0.1:80`. */
const FULL_NAME = /^~([A-Za-z_][\w.-]*)~(.+)$/;

export interface F5Member {
  address?: string;
  session: string;
  state: string;
  curConns: number;
  /** Made by BIG-IP for a host name. */
  ephemeral?: boolean;
}

/** How a request is misbehaved to. */
export interface F5Trouble {
  latencyMs?: number;
  /** Answered instead, as an error of iControl. */
  status?: number;
  message?: string;
  retryAfter?: string;
  /** Answered instead, as it is, with `status`: what other parts of the appliance say in HTML. */
  raw?: string;
  /** It is done, then the connection cut. */
  dropAfter?: boolean;
  /** It is done, and no answer comes. */
  hangAfter?: boolean;
}

type Kind = 'login' | 'list' | 'add' | 'patch' | 'remove' | 'stats' | 'nodes' | 'partition';

class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly html = false,
  ) {
    super(message);
  }
}

export class F5StandIn extends HttpStandIn {
  /** For each request to come of that kind; those after behave well. */
  readonly next: Record<Kind, F5Trouble[]> = {
    login: [],
    list: [],
    add: [],
    patch: [],
    remove: [],
    stats: [],
    nodes: [],
    partition: [],
  };
  /** "GET /path", refused ones included. */
  readonly requests: string[] = [];
  /** Seconds a token that is given lives. */
  tokenSeconds = 1_200;
  /** Tokens that a user may have at a time. */
  tokensAtMost = 100;
  /** What the monitor of pools says of a member that is new: `up`, `checking`, `down`; `unchecked` without a monitor. */
  stateOfNew = 'up';
  /** After each change of members: how many of that pool took new connections, and how many of them were up. */
  readonly moments: { change: string; enabled: number; up: number }[] = [];
  /** As before version 12: statistics are not nested. */
  flatStats = false;
  /** Tokens that were given, in order. */
  readonly tokens: string[] = [];
  private readonly living = new Set<string>();
  /** Addresses of nodes by full path. A member makes its node, and leaves it behind. */
  readonly nodes = new Map<string, string>();
  /** Default route domains of partitions that have another than 0. */
  readonly routeDomains: Record<string, number> = {};
  /** Answers removals of members, and keeps them. */
  keepsMembers = false;
  /** Members by full path, by pool's full path. */
  private readonly pools = new Map<string, Map<string, F5Member>>();

  /** @param tls key and certificate for https */
  constructor(
    private readonly users: Record<string, string> = { admin: 'secret' },
    tls?: ServerOptions,
  ) {
    super(tls);
  }

  /** @param path such as /Common/web @returns its members by full path, such as /Common/10.0.0.1:80 */
  addPool(path: string): Map<string, F5Member> {
    const members = new Map<string, F5Member>();
    this.pools.set(path, members);
    return members;
  }

  /** Every token that was given is no more taken. */
  expireTokens(): void {
    this.living.clear();
  }

  clear(): void {
    this.pools.clear();
    this.nodes.clear();
    Object.keys(this.routeDomains).forEach((partition) => delete this.routeDomains[partition]);
    this.keepsMembers = false;
    this.requests.length = 0;
    this.tokens.length = 0;
    this.living.clear();
    this.tokenSeconds = 1_200;
    this.tokensAtMost = 100;
    this.flatStats = false;
    this.stateOfNew = 'up';
    this.moments.length = 0;
    Object.values(this.next).forEach((list) => (list.length = 0));
  }

  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const { method = '', url = '' } = request;
    this.requests.push(`${method} ${url}`);
    const trouble = this.next[kindOf(method, url)].shift() ?? {};
    if (trouble.latencyMs) await new Promise((resolve) => setTimeout(resolve, trouble.latencyMs).unref());
    const reply = (status: number, body: string, type = 'application/json'): void => {
      const retryAfter = trouble.retryAfter ? { 'retry-after': trouble.retryAfter } : {};
      response.writeHead(status, { 'content-type': `${type}; charset=UTF-8`, ...retryAfter }).end(body);
    };
    try {
      if (trouble.raw !== undefined) return reply(trouble.status ?? 200, trouble.raw, 'text/html');
      if (trouble.status !== undefined)
        throw new Refusal(trouble.status, trouble.message ?? 'as it was told');
      const found = this.carryOut(request, url, body.toString());
      this.note(method, url);
      if (trouble.dropAfter) return void request.socket.destroy();
      if (trouble.hangAfter) return;
      reply(200, found && JSON.stringify(found));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { status: code, message, html } = error;
      if (html) return reply(code, `<html><title>${message}</title></html>`, 'text/html');
      reply(code, JSON.stringify({ code, message, errorStack: [], apiError: 1 }));
    }
  }

  private carryOut(request: IncomingMessage, url: string, body: string): object | '' {
    const { method = '', headers } = request;
    const isJson = headers['content-type'] === 'application/json';
    if (['POST', 'PATCH'].includes(method) && !isJson)
      throw new Refusal(415, 'Found invalid content-type. The content-type must be application/json');
    if (url === '/mgmt/shared/authn/login') return this.login(JSON.parse(body) as Record<string, string>);
    this.authorize(request);
    if (url === '/mgmt/tm/ltm/node') return this.listNodes();
    const [, partitionName] = PARTITION_PATH.exec(url) ?? [];
    if (partitionName) return this.partition(partitionName);
    const [, poolText, memberText, stats] = POOL_PATH.exec(url) ?? [];
    if (!poolText) throw new Refusal(404, `Public URI path not registered: ${url}`);
    const [, partition, poolName] = FULL_NAME.exec(poolText) ?? [];
    if (!partition || !poolName) throw new Refusal(400, `the partition is missing in ${poolText}`);
    const pool = `/${partition}/${poolName}`;
    const members = this.pools.get(pool);
    if (!members) throw new Refusal(404, `01020036:3: The requested Pool (${pool}) was not found.`);
    if (!memberText) {
      if (method === 'GET') return listed(members);
      if (method !== 'POST') throw new Refusal(405, 'Operation is not supported on this collection');
      return this.add(pool, members, JSON.parse(body) as Record<string, string>);
    }
    const [, memberPartition, memberName] = FULL_NAME.exec(decodeURIComponent(memberText)) ?? [];
    if (!memberPartition || !memberName) throw new Refusal(400, `the partition is missing in ${memberText}`);
    const path = `/${memberPartition}/${memberName.replaceAll('~', '/')}`;
    const member = members.get(path);
    if (!member)
      throw new Refusal(404, `01020036:3: The requested Pool Member (${spoken(pool, path)}) was not found.`);
    if (stats) return this.stats(pool, path, member);
    if (method === 'DELETE') {
      if (member.ephemeral)
        throw new Refusal(
          400,
          `01070734:3: Configuration error: ephemeral pool member (${path}) can't be deleted`,
        );
      if (!this.keepsMembers) members.delete(path);
      return '';
    }
    if (method === 'PATCH') patch(member, JSON.parse(body) as Record<string, string>);
    return shown(path, member);
  }

  private note(method: string, url: string): void {
    const [, poolText = '', memberText = ''] = POOL_PATH.exec(url) ?? [];
    if (method === 'GET' || poolText === '') return;
    const members = this.pools.get(poolText.replaceAll('~', '/')) ?? new Map<string, F5Member>();
    const enabled = [...members.values()].filter(
      ({ session, state }) => !`${session} ${state}`.includes('user-d'),
    );
    const up = enabled.filter(({ state }) => state === 'up' || state === 'unchecked');
    const change = `${method} ${memberText}`.trimEnd();
    this.moments.push({ change, enabled: enabled.length, up: up.length });
  }

  private login({ username = '', password, loginProviderName }: Record<string, string>): object {
    if (loginProviderName !== 'tmos') throw new Refusal(400, 'loginProviderName is invalid');
    if (password === undefined || this.users[username] !== password)
      throw new Refusal(401, 'Authentication failed.');
    if (this.living.size >= this.tokensAtMost)
      throw new Refusal(
        400,
        'user 21232f29-7a57-35a7-8389-4a0e4a801fc3 has reached maximum active login tokens',
      );
    const token = randomUUID().replaceAll('-', '').slice(0, 26).toUpperCase();
    this.tokens.push(token);
    this.living.add(token);
    setTimeout(() => this.living.delete(token), this.tokenSeconds * 1000).unref();
    return {
      username,
      loginProviderName,
      token: {
        token,
        name: token,
        userName: username,
        authProviderName: 'tmos',
        timeout: this.tokenSeconds,
        startTime: '2026-01-01T00:00:00.000-0000',
        partition: '[All]',
        kind: 'shared:authz:tokens:authtokenitemstate',
        selfLink: `https://localhost/mgmt/shared/authz/tokens/${token}`,
      },
      generation: 0,
      lastUpdateMicros: 0,
    };
  }

  private authorize({ headers, url }: IncomingMessage): void {
    const token = headers['x-f5-auth-token'];
    if (headers.authorization !== undefined) throw new Refusal(401, 'F5 Authorization Required', true);
    if (token === undefined)
      throw new Refusal(
        401,
        `Authorization failed: no user authentication header or token detected. Uri:http://localhost:8100${url} Referrer:Unknown Sender:127.0.0.1`,
      );
    if (!this.living.has(String(token))) throw new Refusal(401, 'X-F5-Auth-Token does not exist.');
  }

  private add(pool: string, members: Map<string, F5Member>, body: Record<string, string>): object {
    const { name = '', partition, address } = body;
    const path = `/${partition ?? 'Common'}/${name}`;
    const [, node = '', port] = /^(.*)[:.](\d+)$/.exec(name) ?? [];
    const bare = node.replace(/%\d+$/, '');
    const isWellNamed = isIPv6(bare) ? name === `${node}.${port}` : name === `${node}:${port}`;
    if (!isWellNamed) throw new Refusal(400, `01070422:3: The name ${name} of the pool member is not valid.`);
    if (address !== undefined && address !== node)
      throw new Refusal(400, `01070587:3: The address ${address} is not the one of ${name}.`);
    const nodePath = `/${partition ?? 'Common'}/${node}`;
    if (!isIPv4(bare) && !isIPv6(bare) && !this.nodes.has(nodePath))
      throw new Refusal(404, `01020036:3: The requested node (${nodePath}) was not found.`);
    const nodeAddress = this.nodes.get(nodePath) ?? node;
    const isTaken = [...this.nodes].some(
      ([other, taken]) =>
        other !== nodePath && this.located(taken, other) === this.located(nodeAddress, nodePath),
    );
    if (isTaken)
      throw new Refusal(400, `0107176c:3: Invalid Node, the IP address ${nodeAddress} already exists.`);
    if (members.has(path))
      throw new Refusal(
        409,
        `01020066:3: The requested Pool Member (${spoken(pool, path)}) already exists in partition ${partition}.`,
      );
    const session = this.stateOfNew === 'unchecked' ? 'user-enabled' : 'monitor-enabled';
    this.nodes.set(nodePath, nodeAddress);
    const member = { address: nodeAddress, session, state: this.stateOfNew, curConns: 0 };
    members.set(path, member);
    // As versions 11 and 12: it is added all the same.
    if (partition === undefined) throw new Refusal(404, `Object not found - ${name}`);
    return shown(path, member);
  }

  /** An address with its route domain. */
  private located(address: string, nodePath: string): string {
    const partition = nodePath.split('/')[1]!;
    return address.includes('%') ? address : `${address}%${this.routeDomains[partition] ?? 0}`;
  }

  private listNodes(): object {
    const items = [...this.nodes].map(([fullPath, address]) => {
      const [, partition, name] = fullPath.split('/');
      return { kind: 'tm:ltm:node:nodestate', name, partition, fullPath, address };
    });
    return { kind: 'tm:ltm:node:nodecollectionstate', items };
  }

  private partition(name: string): object {
    const defaultRouteDomain = this.routeDomains[name] ?? 0;
    return { kind: 'tm:auth:partition:partitionstate', name, fullPath: name, defaultRouteDomain };
  }

  private stats(pool: string, path: string, { curConns, state }: F5Member): object {
    const own = `https://localhost/mgmt/tm/ltm/pool/${tilded(pool)}/members/${tilded(path)}/${tilded(pool)}/stats`;
    const entries = {
      'serverside.curConns': { value: curConns },
      'serverside.totConns': { value: curConns + 10 },
      'status.availabilityState': { description: state === 'up' ? 'available' : 'unknown' },
    };
    const kind = 'tm:ltm:pool:members:membersstats';
    return this.flatStats ? { kind, entries } : { kind, entries: { [own]: { nestedStats: { entries } } } };
  }
}

function kindOf(method: string, url: string): Kind {
  if (url.endsWith('/login')) return 'login';
  if (url === '/mgmt/tm/ltm/node') return 'nodes';
  if (PARTITION_PATH.test(url)) return 'partition';
  if (method === 'GET' && url.endsWith('/members')) return 'list';
  return method === 'POST' ? 'add' : method === 'PATCH' ? 'patch' : method === 'DELETE' ? 'remove' : 'stats';
}

/** An empty pool has no `items`. */
function listed(members: Map<string, F5Member>): object {
  const kind = 'tm:ltm:pool:members:memberscollectionstate';
  if (members.size === 0) return { kind };
  return { kind, items: [...members].map(([path, member]) => shown(path, member)) };
}

/** Only these words may be written; what is read afterwards are others. */
function patch(member: F5Member, { session, state, ...rest }: Record<string, string>): void {
  const [other] = Object.keys(rest);
  if (other)
    throw new Refusal(400, `"${other}" may not be specified in the context of the "modify" command.`);
  if (session !== undefined && !['user-enabled', 'user-disabled'].includes(session))
    throw new Refusal(400, `invalid property value "session":"${session}"`);
  if (state !== undefined && !['user-up', 'user-down'].includes(state))
    throw new Refusal(400, `invalid property value "state":"${state}"`);
  if (session) member.session = session === 'user-enabled' ? 'monitor-enabled' : session;
  if (state) member.state = state === 'user-up' ? 'up' : state;
}

const shown = (path: string, { address, session, state, ephemeral }: F5Member): object => ({
  kind: 'tm:ltm:pool:members:membersstate',
  name: path.split('/').at(-1),
  partition: path.split('/')[1],
  fullPath: path,
  generation: 1,
  address,
  session,
  state,
  ...(ephemeral ? { ephemeral: 'true' } : {}),
});

/** As BIG-IP speaks of a member: pool, node and port. */
const spoken = (pool: string, path: string): string => `${pool} ${path.replace(/[:.](\d+)$/, ' $1')}`;
const tilded = (path: string): string => path.replaceAll('/', '~');
