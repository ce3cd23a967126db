/** World that the demo watches: fleets of nodes whose load falls when they are scaled, switches, web sites, receivers. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ber, getIn, responseTo, startUdp, type StandIn } from '../test/stand-ins/snmp-agents';
import { bodyOf, HttpStandIn } from '../test/stand-ins/http-stand-in';

/** Time that a new node takes to come. */
const STARTS_MS = 8_000;
/** Object that the switches have: lmTempSensorsValue. */
export const TEMPERATURE = '1.3.6.1.4.1.2021.13.16.2.1.3.1';
const NO_SUCH_OBJECT = 0x80;
const GAUGE32 = 0x42;

const seconds = (): number => performance.now() / 1_000;
/** Returns a number that goes up and down between two others. */
const wave = (least: number, most: number, periodSeconds: number, phase = 0): number =>
  least + ((most - least) * (1 - Math.cos((2 * Math.PI * (seconds() + phase)) / periodSeconds))) / 2;

/** Nodes that share what is demanded of them. */
class Fleet {
  private nodes: number;

  constructor(
    nodes: number,
    private readonly demand: () => number,
  ) {
    this.nodes = nodes;
  }

  get state() {
    const load = Math.round(this.demand() / this.nodes);
    return { nodes: this.nodes, load, queue: Math.max(0, Math.round(this.demand() - 60 * this.nodes)) };
  }

  scale(nodes: number): void {
    setTimeout(() => (this.nodes = Math.max(1, nodes)), STARTS_MS).unref();
  }
}

/** Everything in the world that speaks HTTP, at one address. */
export class DemoWorld extends HttpStandIn {
  private readonly fleets = new Map([
    ['shop', new Fleet(2, () => wave(90, 420, 150))],
    ['search', new Fleet(3, () => wave(150, 280, 200, 40))],
    ['payments', new Fleet(2, () => wave(70, 200, 90, 20))],
  ]);

  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await bodyOf(request)).toString();
    const [, place = '', name = ''] = request.url!.split('/');
    const say = (status: number, answer: object) =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    const fleet = place === 'fleets' ? this.fleets.get(name) : undefined;
    if (fleet !== undefined) {
      if (request.method === 'POST') fleet.scale(Number((JSON.parse(body) as { nodes: number }).nodes));
      return say(200, fleet.state);
    }
    // The blog is down for half a minute, every two; the tape robot never takes an order.
    if (place === 'sites') return say(name === 'blog' && seconds() % 120 > 85 ? 503 : 200, { site: name });
    if (place === 'tape-robot') return say(500, { error: 'the arm is stuck' });
    if (place === 'receivers') return void response.end('ok');
    return say(404, { error: `there is no ${place}` });
  }
}

/** Starts a switch that says how warm it is, in thousandths of a degree. */
export function startSwitch(least: number, most: number, periodSeconds: number): Promise<StandIn> {
  return startUdp((message, sender, socket) => {
    const get = getIn(message);
    const degrees = Math.round(wave(least, most, periodSeconds) * 1_000);
    const bytes = Buffer.alloc(5);
    bytes.writeUIntBE(degrees, 0, 5);
    const values = get.oids.map((oid): [string, Buffer] => [
      oid,
      oid === TEMPERATURE ? ber(GAUGE32, bytes) : ber(NO_SUCH_OBJECT),
    ]);
    socket.send(responseTo(get, values), sender.port, sender.address);
  });
}
