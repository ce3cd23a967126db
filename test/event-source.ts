/** A client of `GET /api/v1/events` that reads the stream as browsers do (WHATWG HTML, 9.2). */
import http from 'node:http';
import { ADMIN_TOKEN, until, type Json } from './program';

export interface Told {
  event: string;
  id: string;
  data: Json;
}

export class EventSourceClient {
  readonly events: Told[] = [];
  /** What it would go on from. */
  lastId = '';
  /** Comments, which are signs of life. */
  comments = 0;
  isOver = false;
  status = 0;
  headers: http.IncomingHttpHeaders = {};
  /** Body of an answer that is no stream. */
  refusal = '';
  private readonly request: http.ClientRequest;
  private rest = '';
  private answer?: http.IncomingMessage;

  private constructor(base: string, headers: Record<string, string>) {
    this.request = http.get(`${base}/api/v1/events`, { headers, agent: false });
    this.request.on('error', () => (this.isOver = true));
    this.request.on('response', (answer) => {
      this.answer = answer;
      this.status = answer.statusCode!;
      this.headers = answer.headers;
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) =>
        this.status === 200 ? this.take(chunk) : (this.refusal += chunk),
      );
      answer.on('error', () => (this.isOver = true));
      answer.on('close', () => (this.isOver = true));
    });
  }

  /** Resolves once it is answered, and a stream has begun. */
  static async open(
    base: string,
    { token = ADMIN_TOKEN, cookie, lastId }: { token?: string; cookie?: string; lastId?: string } = {},
  ): Promise<EventSourceClient> {
    const client = new EventSourceClient(base, {
      ...(cookie === undefined ? { authorization: `Bearer ${token}` } : { cookie }),
      ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
    });
    await until(() => client.lastId !== '' || client.isOver, 10_000, 'the stream begins');
    return client;
  }

  private take(chunk: string): void {
    const blocks = (this.rest + chunk).split('\n\n');
    this.rest = blocks.pop()!;
    for (const block of blocks) {
      const fields = new Map<string, string>();
      for (const line of block.split('\n')) {
        if (line.startsWith(':')) this.comments++;
        else fields.set(line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim());
      }
      this.lastId = fields.get('id') ?? this.lastId;
      const data = fields.get('data');
      if (data === undefined) continue;
      this.events.push({ event: fields.get('event')!, id: this.lastId, data: JSON.parse(data) });
    }
  }

  /** Waits for an event. */
  heard(event: string, fits: (data: Json) => boolean = () => true, what = event): Promise<Told> {
    return until(
      () => this.events.find((told) => told.event === event && fits(told.data)),
      10_000,
      `${what} is told; it was told ${JSON.stringify(this.events.map(({ event, data }) => [event, data.name]))}`,
    );
  }

  /** Takes nothing more, as a client that hangs. */
  hang(): void {
    this.answer?.pause();
  }

  goOn(): void {
    this.answer?.resume();
  }

  close(): void {
    this.request.destroy();
  }
}
