import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LookupOptions } from 'node:dns';
import { lookup } from '../names/lookup';
import { allowAddresses, guardedAddress, refuseAddress } from './address-guard';
import { askWhole, sendOnce } from './http/request';
import { NotSent, type HttpRequest } from './http/http-call';

jest.mock('../names/lookup', () => {
  const actual = jest.requireActual<typeof import('../names/lookup')>('../names/lookup');
  return { ...actual, lookup: jest.fn(actual.lookup) };
});
const lookUp = jest.mocked(lookup);

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
    lookUp.mockReset();
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
    'http://[fd00:ec2::23]/',
    'http://[fd00:c1::a9fe:a9fe]/',
    'http://[fd00:42::42]/',
    'http://[2002:a9fe:a9fe::1]/',
    'http://[2001:0:a9fe:a9fe::1]/',
    'http://[64:ff9b:1::a9fe:a9fe]/',
    'http://[2001:db8::5efe:169.254.169.254]/',
    'http://[::ffff:0:169.254.170.2]/',
    'http://168.63.129.16/machine',
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
    lookUp.mockImplementation((_name, { all }: LookupOptions, callback) => {
      const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
      if (all) callback(null, found);
      else callback(null, found[0]!.address, found[0]!.family);
    });
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

  it('a device on a link is asked over SNMP, and metadata is not', async () => {
    await expect(guardedAddress('fe80::7%eth0', 'devices')).resolves.toBe('fe80::7%eth0');
    for (const address of ['fe80::7', 'fe80::7%eth0'])
      await expect(guardedAddress(address)).rejects.toThrow(/link-local/);
    for (const address of ['169.254.169.254', 'fe80::a9fe:a9fe%eth0', 'fd00:ec2::254', '168.63.129.16'])
      await expect(guardedAddress(address, 'devices')).rejects.toThrow(/serves cloud metadata/);
    resolving(['169.254.169.254']);
    await expect(guardedAddress('rebound.example', 'devices')).rejects.toThrow(/^rebound\.example is 169/);
  });
});
