import { redisAddress } from '../../queue/redis';
import { isDecodable } from '../decodable';

const SHAPE = /^rediss?(\+sentinel|\+cluster)?:\/\/[^\s?#]+$/i;
const HOST = /^(\[[0-9a-f:.]+\]|[^[\]:/,]+)(:\d{1,5})?$/i;
const FORMS =
  'must be redis://host:6379/0, redis+sentinel://host:26379,host/master/0 or redis+cluster://host:6379,host; rediss for TLS';

/** Returns what is wrong with the address of a Redis; the address itself is not repeated, as it may hold a password. */
export function redisUrlProblem(url: string): string | undefined {
  if (!SHAPE.test(url)) return FORMS;
  const [, authority = '', path = ''] = /:\/\/([^/]*)(.*)$/.exec(url) ?? [];
  const at = authority.lastIndexOf('@');
  if (!isDecodable(authority.slice(0, Math.max(at, 0))))
    return 'has a % that stands for no character; write %25';
  const hosts = authority.slice(at + 1).split(',');
  if (hosts.some((host) => host === '')) return 'must name a host';
  if (!hosts.every((host) => HOST.test(host))) return FORMS;
  const { form, hosts: addresses } = redisAddress(url);
  if (!addresses.every(({ port }) => port > 0 && port <= 65_535)) return 'must have ports from 1 to 65535';
  return formProblem(form, hosts.length, path);
}

function formProblem(
  form: 'single' | 'sentinel' | 'cluster',
  hosts: number,
  path: string,
): string | undefined {
  if (form === 'sentinel')
    return /^\/[^/]+(\/\d{0,5})?$/.test(path)
      ? undefined
      : 'must name the master after the Sentinels, such as /mymaster/0';
  if (form === 'cluster')
    return /^\/?0?$/.test(path) ? undefined : 'must end after the hosts: a Cluster has no databases';
  if (hosts > 1) return 'must name one server; several are redis+sentinel:// or redis+cluster://';
  return /^(\/\d{0,5})?$/.test(path) ? undefined : 'must end in the number of the database, such as /0';
}
