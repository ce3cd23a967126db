import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import dns from 'node:dns';
import { allowAddresses, refuseAddress } from './address-guard';
import { askWhole, NotSent, sendOnce, type HttpRequest } from './request';

const request = (url: string): HttpRequest => ({ method: 'GET', url, headers: {}, keepAlive: false });
const never = () => AbortSignal.timeout(2_000);

describe('over HTTP', () => {
  let server: Server;
  let port: number;
  let asked = 0;

  beforeAll(async () => {
    server = createServer((_, response) => {
      asked += 1;
      response.end('here');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ({ port } = server.address() as AddressInfo);
  });

  afterEach(() => {
    jest.restoreAllMocks();
    allowAddresses([]);
  });

  afterAll(() => server.close());

  it.each([
    'http://169.254.169.254/latest/meta-data/',
    'http://169.254.0.1:8080/',
    'http://2852039166/',
    'http://0251.0376.0251.0376/',
    'http://0xa9fea9fe/',
    'http://169.254.43518/',
    'http://[::ffff:169.254.169.254]/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://[64:ff9b::a9fe:a9fe]/',
    'http://[fe80::1]/',
    'http://[fd00:ec2::254]/',
    'http://[FD00:0EC2:0:0::254]/',
    'http://[fd20:ce::254]/',
    'https://100.100.100.200/',
  ])('%s is refused before anything is sent', async (url) => {
    for (const send of [sendOnce, askWhole]) {
      const failure = await send(request(url), never()).catch((error: Error) => error);
      expect(failure).toBeInstanceOf(NotSent);
      expect(failure).toMatchObject({
        canHelp: false,
        message: expect.stringMatching(/link-local or serves/),
      });
    }
  });

  /** A name server that answers these. */
  function resolving(addresses: string[]): void {
    jest.spyOn(dns, 'lookup').mockImplementation(((
      _name: string,
      { all }: dns.LookupOptions,
      callback: (error: null, address: unknown, family?: number) => void,
    ) => {
      const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
      if (all) callback(null, found);
      else callback(null, found[0]!.address, found[0]!.family);
    }) as never);
  }

  it.each([[['169.254.169.254']], [['127.0.0.1', '169.254.169.254']], [['::ffff:169.254.169.254']]])(
    'a name that is %j is refused when it is looked up',
    async (addresses) => {
      resolving(addresses);
      const before = asked;
      const failure = await sendOnce(request(`http://rebound.example:${port}/`), never()).catch(
        (error: Error) => error,
      );
      expect(failure).toBeInstanceOf(NotSent);
      expect((failure as Error).message).toMatch(
        /^rebound\.example is .*169\.254\.169\.254, which is link-local/,
      );
      expect(asked).toBe(before);
    },
  );

  it('what is looked up is what is asked', async () => {
    resolving(['127.0.0.1']);
    const { body } = await askWhole(request(`http://somewhere.example:${port}/`), never());
    expect(body.toString()).toBe('here');
  });

  it('an address that is allowed is no more refused, by whatever spelling', () => {
    allowAddresses(['169.254.0.0/24', 'fe80::/10', '169.254.169.254']);
    for (const host of ['169.254.0.7', '[fe80::1]', '[::ffff:169.254.169.254]'])
      expect(() => refuseAddress(host)).not.toThrow();
    expect(() => refuseAddress('169.254.1.7')).toThrow(/link-local/);
  });
});
