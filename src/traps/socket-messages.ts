/** Messages between the thread that reads the socket and the main thread. */

export interface SocketData {
  host: string;
  port: number;
  /** Most bytes of datagrams that were handed over and not given back; datagrams beyond it are dropped. */
  maxHeldBytes: number;
  /** Counters by `Count`; both threads write them. */
  counts: SharedArrayBuffer;
}

export const Count = { heldBytes: 0, received: 1, dropped: 2 } as const;
export const COUNTS = 3;

export type FromSocket =
  | { port: number }
  | { failed: { code?: string; message: string } }
  | { packed: ArrayBuffer }
  | { closed: true };

export type ToSocket = { answer: Uint8Array; address: string; port: number } | { close: true };
