/** A piece of infrastructure of its own: says its load, counts its nodes, late where it is told to, and takes wishes. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { bodyOf, HttpStandIn } from './http-stand-in';

export interface Wish {
  direction: string;
  current: number;
  desired: number;
  /** How many there were when it came. */
  there: number;
}

/** Longer than three of the shortest intervals that are usual in stories. */
const SLOW_MS = 7_000;

export class Farm extends HttpStandIn {
  load = 50;
  /** How long after they came or went nodes are counted. */
  lagMs = 0;
  /** So many of the next wishes are answered 500, and nothing is done. */
  refuses = 0;
  readonly wishes: Wish[] = [];
  private readonly history: { at: number; nodes: number }[] = [];

  constructor(nodes: number) {
    super();
    this.history.push({ at: -Infinity, nodes });
  }

  get nodes(): number {
    return this.history.at(-1)!.nodes;
  }

  /** They come or go by themselves. */
  set nodes(nodes: number) {
    this.history.push({ at: performance.now(), nodes });
  }

  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = (body: object) => {
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify(body));
    };
    if (request.url === '/load') return answer({ value: this.load });
    if (request.url === '/slow') return void setTimeout(() => answer({ value: this.load }), SLOW_MS);
    if (request.url === '/nodes') return answer({ value: this.counted() });
    if (this.refuses > 0) {
      this.refuses -= 1;
      response.statusCode = 500;
      return answer({});
    }
    const wish = JSON.parse((await bodyOf(request)).toString()) as Omit<Wish, 'there'>;
    this.wishes.push({ ...wish, there: this.nodes });
    this.nodes = wish.desired;
    answer({});
  }

  private counted(): number {
    const seenUntil = performance.now() - this.lagMs;
    return this.history.findLast(({ at }) => at <= seenUntil)!.nodes;
  }
}
