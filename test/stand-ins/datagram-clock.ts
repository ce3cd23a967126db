/** Clock that jumps, for specs in which all datagrams go between sockets of this process. */
import { Socket } from 'node:dgram';

const STEP_MS = 5;
/** Turns of the event loop in which what was sent is received; sockets that are being bound take several, too. */
const TURNS = 6;
/** Turns after which a datagram counts as lost, as the socket it went to is closed. */
const TURNS_AT_MOST = 2_000;

/** Time stands still while datagrams are under way, whatever the machine does, and goes on in steps otherwise. */
export class DatagramClock {
  private underWay = 0;

  start(): void {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    const note = (change: number): void => void (this.underWay += change);
    const { send, emit } = Socket.prototype as unknown as Record<
      'send' | 'emit',
      (...args: unknown[]) => unknown
    >;
    jest.spyOn(Socket.prototype, 'send').mockImplementation(function (this: Socket, ...args: unknown[]) {
      // A socket that was not bound yet sends it once more, in a list.
      if (!Array.isArray(args[0])) note(1);
      return send.apply(this, args);
    });
    jest.spyOn(Socket.prototype, 'emit').mockImplementation(function (this: Socket, ...args: unknown[]) {
      if (args[0] === 'message') note(-1);
      return emit.apply(this, args);
    } as never);
  }

  stop(): void {
    jest.restoreAllMocks();
    jest.useRealTimers();
  }

  /** Lets time go on until some work is over. */
  async during<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const end = (): void => void (isOver = true);
    work.then(end, end);
    while (!isOver) {
      for (let turns = 0; turns < TURNS || (this.underWay > 0 && turns < TURNS_AT_MOST); turns++)
        await new Promise(setImmediate);
      this.underWay = 0;
      if (!isOver) jest.advanceTimersByTime(STEP_MS);
    }
    return work;
  }
}
