/**
 * Thread that reads the socket and does nothing else: the kernel drops what is not read in time. Datagrams go to the
 * main thread in batches; answers come back.
 */
import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { DatagramPacker } from './datagrams';
import { Count, type FromSocket, type SocketData, type ToSocket } from './socket-messages';

/**
 * Size of the receive buffer, for a burst of some 10,000 traps; the kernel caps it at net.core.rmem_max, and takes
 * twice what is asked for.
 */
const RECEIVE_BUFFER_BYTES = 8 << 20;
/** Longest time that a datagram waits for others to go on with, milliseconds. */
const GATHER_MS = 3;
/** Number of datagrams that libuv reads in one turn of the loop; after so many, more may wait. */
const FULL_TURN = 32;
const NAP_MS = 1;
const HIGH_PRIORITY = -10;

const { host, port, maxHeldBytes, counts } = workerData as SocketData;
const counters = new Int32Array(counts);
const send = (message: FromSocket, transfer: ArrayBuffer[] = []) =>
  parentPort!.postMessage(message, transfer);

try {
  // On Linux this is the thread's own priority; who may not raise it goes on without.
  setPriority(HIGH_PRIORITY);
} catch {
  // As said.
}

const socket = createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES });
/** Cell that is never notified, so that `Atomics.wait` on it sleeps. */
const alarm = new Int32Array(new SharedArrayBuffer(4));
const packer = new DatagramPacker();
/** Number of datagrams that this turn of the loop has read. */
let turn = 0;
let timer: NodeJS.Timeout | undefined;
let flushedAt = 0;

/**
 * Ends a turn of the loop: after a pause, datagrams go on at once; in a rush they are gathered, and the thread sleeps
 * for a moment, as waking for each would cost more than reading it.
 */
function endTurn(): void {
  const isBusy = performance.now() - flushedAt < GATHER_MS;
  if (!isBusy) flush();
  else {
    timer ??= setTimeout(flush, GATHER_MS);
    if (turn < FULL_TURN) Atomics.wait(alarm, 0, 0, NAP_MS);
  }
  turn = 0;
}

function flush(): void {
  clearTimeout(timer);
  timer = undefined;
  flushedAt = performance.now();
  if (packer.count === 0) return;
  const packed = packer.take();
  Atomics.add(counters, Count.heldBytes, packed.byteLength);
  send({ packed }, [packed]);
}

socket.on('message', (bytes, { address, port }) => {
  Atomics.add(counters, Count.received, 1);
  if (Atomics.load(counters, Count.heldBytes) > maxHeldBytes) {
    Atomics.add(counters, Count.dropped, 1);
    return;
  }
  if (!packer.add(bytes, address, port)) {
    flush();
    packer.add(bytes, address, port);
  }
  if (turn++ === 0) setImmediate(endTurn);
});

let isListening = false;
socket.on('error', (error) => {
  // Once it listens, errors are those of answers that can't be sent: nobody waits for them here.
  if (!isListening) send({ failed: { code: (error as NodeJS.ErrnoException).code, message: error.message } });
});
socket.bind(port, host, () => {
  isListening = true;
  send({ port: socket.address().port });
});

parentPort!.on('message', (message: ToSocket) => {
  if ('answer' in message) return socket.send(message.answer, message.port, message.address, () => undefined);
  // What was read goes on before the end is told.
  socket.close(() => {
    flush();
    send({ closed: true });
    parentPort!.close();
  });
});
