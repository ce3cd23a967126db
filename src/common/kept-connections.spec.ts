import { KeptConnections } from './kept-connections';

describe('kept connections', () => {
  const closed: string[] = [];
  let opened = 0;
  let broken: string[] = [];
  let kept: KeptConnections<string>;

  const open = (key: string) => (): string => `${key}${(opened += 1)}`;
  const use = (key: string): Promise<string> => kept.use(key, open(key), async (connection) => connection);

  beforeEach(() => {
    closed.length = 0;
    opened = 0;
    broken = [];
    kept = new KeptConnections({
      atMost: 2,
      idleMs: 40,
      close: (connection) => closed.push(connection),
      isAlive: (connection) => !broken.includes(connection),
    });
  });

  afterEach(() => kept.closeAll());

  it('serve again', async () => {
    expect([await use('a'), await use('a')]).toEqual(['a1', 'a1']);
  });

  it('are bounded: the least recently used leaves', async () => {
    await use('a');
    await use('b');
    await use('a');
    await use('c');
    expect(closed).toEqual(['b2']);
  });

  it('are closed after their last user', async () => {
    let finish!: () => void;
    const busy = kept.use('a', open('a'), () => new Promise<void>((resolve) => (finish = resolve)));
    kept.drop('a', 'a1');
    expect(closed).toEqual([]);
    expect(await use('a')).toBe('a2');
    finish();
    await busy;
    expect(closed).toEqual(['a1']);
  });

  it('are replaced when they broke', async () => {
    await use('a');
    broken = ['a1'];
    expect(await use('a')).toBe('a2');
    expect(closed).toEqual(['a1']);
  });

  it('are closed when nobody uses them', async () => {
    await use('a');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(closed).toEqual(['a1']);
    expect(kept.size).toBe(0);
  });

  it('are not opened any more once all are closed', async () => {
    kept.closeAll();
    await expect(use('a')).rejects.toThrow('the program is stopping');
  });
});
