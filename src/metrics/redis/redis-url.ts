const SHAPE = /^rediss?:\/\/[^\s?#]+$/i;
const SEVERAL = /^rediss?[+-]?(?:sentinel|cluster):/i;
const BEFORE_HOST = /^rediss?:\/\/(?:[^/?#]*@)?/i;

/** What is wrong with the address of a Redis server; the address itself is not repeated, it may hold a password. */
export function redisUrlProblem(url: string): string | undefined {
  const [host] = url.replace(BEFORE_HOST, '').split('/');
  if (SEVERAL.test(url) || host?.includes(',')) {
    return "must name one server; Sentinel and Cluster can't be read yet";
  }
  if (!SHAPE.test(url) || !URL.canParse(url)) return 'must be redis://host:6379/0 or rediss://host:6379/0';
  const { hostname, pathname, username, password } = new URL(url);
  if (hostname === '') return 'must name a host';
  if (!/^\/?\d{0,5}$/.test(pathname)) return 'must end in the number of the database, such as /0';
  return [username, password].every(isDecodable)
    ? undefined
    : 'has a % that stands for no character; write %25';
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
