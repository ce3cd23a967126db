/** Stands between the program and PostgreSQL, and tells what is asked in which round trips. */
import type { Socket } from 'node:net';
import { TcpProxy } from './tcp-proxy';

/** Statement that was sent. */
export interface Asked {
  /** Name of the statement, or its text where it has none. */
  statement: string;
  /** Number of the connection. */
  connection: number;
  /** Number of the round trip: those sent before the answers of the ones before them share one. */
  trip: number;
}

/**
 * Frontend messages as in https://www.postgresql.org/docs/15/protocol-message-formats.html; only those of the extended
 * and the simple query are looked at.
 */
export class PostgresMessages extends TcpProxy {
  readonly asked: Asked[] = [];
  private connections = 0;
  private trips = 0;

  /** Statements of the transaction that one of this name belongs to, by round trip; of the newest, where there are more. */
  transactionOf(name: string): string[][] {
    const at = this.asked.findLastIndex(({ statement }) => statement === name);
    if (at < 0) return [];
    const own = this.asked.filter(({ connection }) => connection === this.asked[at]!.connection);
    const middle = own.indexOf(this.asked[at]!);
    const from = own.findLastIndex(({ statement }, index) => index <= middle && statement === 'BEGIN');
    const to = own.findIndex(({ statement }, index) => index >= middle && isEnd(statement));
    const trips = new Map<number, string[]>();
    for (const { statement, trip } of own.slice(Math.max(from, 0), to + 1))
      trips.set(trip, [...(trips.get(trip) ?? []), statement]);
    return [...trips.values()];
  }

  protected override listen(near: Socket, far: Socket): void {
    const connection = ++this.connections;
    /** Names and texts of what is prepared. */
    const prepared = new Map<string, string>();
    let bound = '';
    /** Number of groups of messages whose answers have not come. */
    let open = 0;
    let trip = 0;
    const note = (statement: string) => {
      if (open === 0) trip = ++this.trips;
      this.asked.push({ statement, connection, trip });
    };
    // The first message of a connection has no type.
    messagesIn(near, false, (type, body) => {
      if (type === 'P') {
        const [name = '', text = ''] = textsIn(body);
        prepared.set(name, name || text);
      } else if (type === 'B') bound = textsIn(body)[1] ?? '';
      else if (type === 'E') note(prepared.get(bound) ?? bound);
      else if (type === 'Q') note(textsIn(body)[0] ?? '');
      if (type === 'S' || type === 'Q') open++;
    });
    messagesIn(far, true, (type) => {
      if (type === 'Z' && open > 0) open--;
    });
  }
}

const isEnd = (statement: string): boolean => statement === 'COMMIT' || statement === 'ROLLBACK';

/** Tells each message of a connection. @param isTyped the first one has a type, too */
function messagesIn(socket: Socket, isTyped: boolean, tell: (type: string, body: Buffer) => void): void {
  let rest = Buffer.alloc(0);
  let hasType = isTyped;
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const head = hasType ? 5 : 4;
      if (rest.length < head) return;
      const length = rest.readInt32BE(head - 4) + head - 4;
      if (rest.length < length) return;
      if (hasType) tell(String.fromCharCode(rest[0]!), rest.subarray(5, length));
      hasType = true;
      rest = rest.subarray(length);
    }
  });
}

/** Returns the first texts of a message, each of which ends with a zero byte. */
const textsIn = (body: Buffer): string[] => body.toString('latin1').split('\0', 2);
