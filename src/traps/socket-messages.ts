/** What the thread of the socket and the program's own say to each other. */

export interface SocketData {
  host: string;
  port: number;
  /** Of datagrams that were handed over and not given back; what comes beyond is dropped. */
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
