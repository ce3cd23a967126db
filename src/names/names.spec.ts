import { Names, NotFound, type Found, type NameSources, type Outcome } from './names';

const found = (address: string, ttlSeconds = 60): Found => ({
  addresses: [{ address, family: 4 }],
  ttlSeconds,
});

/** A DNS that answers as it is told, and how often it was asked for each name. */
class Dns implements NameSources {
  readonly asked: string[] = [];
  readonly outcomes: Outcome[] = [];
  answer: (name: string) => Promise<Found> = () => Promise.reject(new NotFound());

  local = (name: string) => (name === 'localhost' ? found('127.0.0.1').addresses : undefined);

  ask(name: string): Promise<Found> {
    this.asked.push(name);
    return this.answer(name);
  }

  note = (outcome: Outcome): void => void this.outcomes.push(outcome);
}

const never = (): Promise<never> => new Promise(() => undefined);

let dns: Dns;
let names: Names;
beforeEach(() => {
  jest.useFakeTimers();
  dns = new Dns();
  names = new Names(dns);
});
afterEach(() => jest.useRealTimers());

const first = async (name: string): Promise<string> => (await names.addressesOf(name))[0]!.address;
const later = (seconds: number): Promise<void> => jest.advanceTimersByTimeAsync(seconds * 1000);

test('a name is asked for once, however many want it, and by whatever spelling', async () => {
  dns.answer = () => Promise.resolve(found('10.0.0.1'));
  const all = await Promise.all([first('web.example'), first('WEB.example'), first('web.Example')]);
  expect(all).toEqual(['10.0.0.1', '10.0.0.1', '10.0.0.1']);
  await first('web.example');
  expect(dns.asked).toEqual(['web.example']);
});

test.each([
  [60, 59, 61],
  [0, 0.5, 1.5],
  [86_400, 299, 301],
])('an answer for %i s is kept for %d s and not for %d s', async (ttlSeconds, kept, gone) => {
  dns.answer = () => Promise.resolve(found('10.0.0.1', ttlSeconds));
  await first('web.example');
  await later(kept);
  await first('web.example');
  expect(dns.asked).toHaveLength(1);
  await later(gone - kept);
  await first('web.example');
  expect(dns.asked).toHaveLength(2);
});

test('an old answer is given when no new one comes, soon, and for a while without asking', async () => {
  dns.answer = () => Promise.resolve(found('10.0.0.1'));
  await first('web.example');
  await later(61);
  dns.answer = never;
  let given: string | undefined;
  void first('web.example').then((address) => (given = address));
  await later(1.7);
  expect(given).toBeUndefined();
  await later(0.2);
  expect(given).toBe('10.0.0.1');
  await later(10);
  await expect(first('web.example')).resolves.toBe('10.0.0.1');
  expect(dns.asked).toHaveLength(2);
  dns.answer = () => Promise.resolve(found('10.0.0.2'));
  await later(31);
  await expect(first('web.example')).resolves.toBe('10.0.0.2');
});

test('an old answer counts no more when the DNS knows the name no more', async () => {
  dns.answer = () => Promise.resolve(found('10.0.0.1'));
  await first('web.example');
  await later(61);
  dns.answer = () => Promise.reject(new NotFound());
  await expect(first('web.example')).rejects.toThrow(NotFound);
  await expect(first('web.example')).rejects.toThrow(NotFound);
  expect(dns.asked).toHaveLength(2);
});

test('an old answer is not given for ever', async () => {
  dns.answer = () => Promise.resolve(found('10.0.0.1'));
  await first('web.example');
  dns.answer = () => Promise.reject(new Error('away'));
  await later(86_300);
  await expect(first('web.example')).resolves.toBe('10.0.0.1');
  await later(200);
  await expect(first('web.example')).rejects.toThrow('away');
});

test('what is not known, and what could not be asked for, is not asked for at each turn', async () => {
  for (const [answer, seconds] of [
    [new NotFound(), 10],
    [new Error('away'), 5],
  ] as const) {
    const name = `${seconds}.example`;
    dns.asked.length = 0;
    dns.answer = () => Promise.reject(answer);
    await expect(first(name)).rejects.toThrow();
    await later(seconds - 1);
    await expect(first(name)).rejects.toThrow();
    expect(dns.asked).toHaveLength(1);
    await later(2);
    await expect(first(name)).rejects.toThrow();
    expect(dns.asked).toHaveLength(2);
  }
});

test('names of a zone that does not answer hold up neither others nor themselves for long', async () => {
  dns.answer = (name) => (name.endsWith('.dead.example') ? never() : Promise.resolve(found('10.0.0.1')));
  const failed: number[] = [];
  for (let i = 0; i < 40; i += 1) first(`host-${i}.dead.example`).catch(() => failed.push(performance.now()));
  await later(0);
  expect(dns.asked).toHaveLength(8);
  await expect(first('web.example')).resolves.toBe('10.0.0.1');
  await expect(first('localhost')).resolves.toBe('127.0.0.1');
  await expect(first('other.dead-too.example')).resolves.toBe('10.0.0.1');
  await later(5.1);
  expect(failed).toHaveLength(40);
  // The old questions still hold their turns: nobody is asked for more.
  expect(dns.asked.filter((name) => name.endsWith('.dead.example'))).toHaveLength(8);
});

test('an answer that comes late is kept all the same', async () => {
  let answer!: (given: Found) => void;
  dns.answer = () => new Promise((resolve) => (answer = resolve));
  const failing = expect(first('slow.example')).rejects.toThrow('no answer in 5 s');
  await later(5);
  await failing;
  answer(found('10.0.0.3'));
  await later(0);
  await expect(first('slow.example')).resolves.toBe('10.0.0.3');
});

test('no more than so many names are kept, and none of them is a property of an object', async () => {
  names = new Names(dns, 10_000);
  dns.answer = () => Promise.resolve(found('10.0.0.1', 300));
  for (const name of ['constructor', '__proto__', 'toString']) await first(name);
  for (let i = 0; i < 10_010; i += 1) await first(`n${i}.example`);
  dns.asked.length = 0;
  await first('n5000.example');
  await first('constructor');
  expect(dns.asked).toEqual(['constructor']);
});

test('of too many names those in use are kept, whenever they were first asked for', async () => {
  names = new Names(dns, 3);
  dns.answer = (name) => Promise.resolve(found(name === 'db.example' ? '10.0.0.1' : '10.0.0.2'));
  await first('db.example');
  for (const n of [1, 2, 3, 4, 5]) {
    await later(61);
    await first('db.example');
    await first(`target-${n}.example`);
  }
  // Its servers are silent from now on.
  dns.answer = never;
  await later(61);
  const answer = first('db.example');
  await later(2);
  expect(await answer).toBe('10.0.0.1');
  const forgotten = expect(first('target-1.example')).rejects.toThrow('gave no answer');
  await later(6);
  await forgotten;
});
