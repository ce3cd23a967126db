import { readFile } from 'node:fs/promises';
import { DnsStandIn, type DnsAnswer } from '../../test/stand-ins/dns';
import { DnsClient } from './dns-client';
import { NotFound } from './names';

let server: DnsStandIn;
let zone: (name: string, type: 'A' | 'AAAA') => DnsAnswer;
let client: DnsClient;

beforeAll(async () => {
  server = await DnsStandIn.start((name, type) => zone(name, type));
  client = new DnsClient([server.server]);
});
afterAll(() => server.stop());

const addresses = async (name: string): Promise<string[]> =>
  (await client.ask(name)).addresses.map(({ address }) => address);

test('the addresses of both kinds, IPv4 first, and for how long they hold', async () => {
  zone = () => ['2001:db8::1', '10.0.0.1', '10.0.0.2'];
  const { addresses: found, ttlSeconds } = await client.ask('web.example');
  expect(found.map(({ family }) => family)).toEqual([4, 4, 6]);
  expect(found.map(({ address }) => address).sort()).toEqual(['10.0.0.1', '10.0.0.2', '2001:db8::1']);
  expect(ttlSeconds).toBe(60);
});

test.each<[string, (type: 'A' | 'AAAA') => DnsAnswer]>([
  ['fails for the other kind', (type) => (type === 'A' ? ['10.0.0.1'] : 'servfail')],
  ['knows nothing of the other kind', (type) => (type === 'A' ? ['10.0.0.1'] : 'unknown')],
  ['is silent about the other kind', (type) => (type === 'A' ? ['10.0.0.1'] : 'silence')],
])('a server that %s has given the address', async (_, answer) => {
  zone = (_name, type) => answer(type);
  await expect(addresses('web.example')).resolves.toEqual(['10.0.0.1']);
});

test.each<[DnsAnswer]>([['unknown'], [[]]])('a server that says %j knows no such name', async (answer) => {
  zone = () => answer;
  await expect(client.ask('gone.example')).rejects.toThrow(NotFound);
});

test('a name that none can have is one that nobody knows', async () => {
  await expect(client.ask(`${'a'.repeat(70)}.example`)).rejects.toThrow(NotFound);
});

test.each<[DnsAnswer]>([['servfail'], ['refused'], ['garbage'], ['other id'], ['silence']])(
  'a server that gives %j has not said that there is no such name',
  async (answer) => {
    zone = () => answer;
    const error = await client.ask('web.example').catch((one: Error) => one);
    expect(error).not.toBeInstanceOf(NotFound);
    expect((error as Error).message).toMatch(/^the DNS gave no answer: E/);
  },
  15_000,
);

test('questions to a zone that does not answer hold up no file and no other name', async () => {
  zone = (name) => (name.endsWith('.dead.example') ? 'silence' : ['10.0.0.1']);
  let ended = 0;
  const asking = Array.from({ length: 40 }, (_, i) =>
    client.ask(`h${i}.dead.example`).catch(() => (ended += 1)),
  );
  await expect(addresses('web.example')).resolves.toEqual(['10.0.0.1']);
  await readFile(__filename);
  expect(ended).toBe(0);
  await Promise.all(asking);
}, 20_000);
