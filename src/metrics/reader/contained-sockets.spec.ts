import { AsyncLocalStorage } from 'node:async_hooks';
import { Socket } from 'node:net';
import { allowAddresses } from '../../targets/address-guard';
import { containSockets, type Asked } from './contained-sockets';

describe('contained sockets', () => {
  const asked = new AsyncLocalStorage<Asked>();
  const refused: string[] = [];
  const { emit } = Socket.prototype;

  beforeAll(() =>
    containSockets(
      asked,
      () => undefined,
      (protocol, why) => refused.push(`${protocol} ${why}`),
    ),
  );
  afterAll(() => {
    Socket.prototype.emit = emit;
    allowAddresses([]);
  });

  /** What is told of one that was made for a question. */
  async function told(event: string, given: unknown[], remoteAddress: string, onEvent = () => undefined) {
    const socket = new Socket();
    Object.defineProperty(socket, 'remoteAddress', { value: remoteAddress });
    const heard: string[] = [];
    socket.on(event, () => {
      heard.push(event);
      onEvent();
    });
    const closed = new Promise<void>((resolve) => socket.on('close', resolve));
    socket.on('error', (error) => heard.push(error.message));
    asked.run({ protocol: 'redis', target: 'one' }, () => socket.emit(event, ...given));
    if (socket.destroyed) await closed;
    return heard;
  }

  it.each(['169.254.169.254', '::ffff:169.254.169.254', '168.63.129.16', 'fd00:ec2::254'])(
    'say nothing to %s',
    async (address) => {
      allowAddresses([]);
      expect(await told('connect', [], address)).toEqual([expect.stringMatching(/serves cloud metadata/)]);
      allowAddresses([address.replace('::ffff:', '')]);
      expect(await told('connect', [], address)).toEqual(['connect']);
    },
  );

  it('connect to others', async () => {
    expect(await told('connect', [], '10.0.0.7')).toEqual(['connect']);
  });

  it('end by what is thrown while they are read, and no more', async () => {
    const fail = () => {
      throw new TypeError('of a library');
    };
    expect(await told('data', [Buffer.from('+OK\r\n')], '10.0.0.7', fail)).toEqual([
      'data',
      'what it answers is not as Redis does; is the port right?',
    ]);
    expect(await told('data', [Buffer.from('$2000000\r\n')], '10.0.0.7')).toEqual([
      'its answer has a text of more than 1 MB',
    ]);
    expect(refused).toEqual(['redis form', 'redis size']);
  });
});
