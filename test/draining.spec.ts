/** How a process of the API ends while it is sent to. */
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { ADMIN_TOKEN, until, World } from './program';

const BODY = JSON.stringify({ labels: { host: 'web-1' } });

interface Answered {
  status: number;
  connection?: string;
  /** How long it is kept without use. */
  kept: string | string[] | undefined;
}

function post(port: number, agent: Agent): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${ADMIN_TOKEN}`,
      'content-type': 'application/json',
      'content-length': BODY.length,
    };
    const asked = request(
      { port, host: '127.0.0.1', method: 'POST', path: '/api/v1/alerts', agent, headers },
      (answer) => {
        answer.resume();
        answer.on('end', () =>
          resolve({
            status: answer.statusCode!,
            connection: answer.headers.connection,
            kept: answer.headers['keep-alive'],
          }),
        );
      },
    );
    asked.on('error', reject);
    asked.end(BODY);
  });
}

it('a sender that never pauses on its connection does not hold up the drain, and is told to go', async () => {
  const world = await World.create();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const program = await world.start('api');
    const answers: Answered[] = [];
    let isOver = false;
    const sending = (async () => {
      // Ends when nobody listens any more.
      for (;;) answers.push(await post(program.port, agent));
    })().catch(() => (isOver = true));
    while (answers.length < 10 && !isOver) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await program.stop()).toBe(0);
    await sending;
    expect(program.output).toContain('"msg":"stopped"');
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(answers.at(0)!.connection).not.toBe('close');
    // Proxies and clients keep theirs for a minute, and would send on one that is being closed.
    expect(answers.at(0)!.kept).toBe('timeout=75');
    expect(answers.at(-1)!.connection).toBe('close');
  } finally {
    agent.destroy();
    await world.end();
  }
}, 120_000);

it('what comes on a kept connection while it drains is answered, and that it is not ready any more', async () => {
  const world = await World.create();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const program = await world.start('api');
    expect((await post(program.port, agent)).connection).not.toBe('close');
    // Another that might be used yet.
    const idle = connect(program.port, '127.0.0.1').on('error', () => undefined);
    await once(idle, 'connect');
    const stopped = program.stop();
    await until(() => program.output.includes(': draining'), 20_000);
    // On the connection that is there; a new one would be told the same.
    expect(await post(program.port, agent)).toMatchObject({ status: 202, connection: 'close' });
    const ready = await fetch(`${program.url}/health/ready`);
    expect([ready.status, ready.headers.get('connection')]).toEqual([503, 'close']);
    expect(await stopped).toBe(0);
  } finally {
    agent.destroy();
    await world.end();
  }
}, 120_000);
