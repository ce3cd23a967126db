/**
 * The action queue: webhooks to one sink on this machine, every state committed.
 *
 *     npm run bench actions -- --executions 10000 --burst 5000
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { newId } from '../src/common/ids';
import { BenchProgram, printTable, until } from './program';

const SAMPLE_MS = 200;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { executions: { type: 'string', default: '10000' } } });
  const executions = Number(values.executions);
  const called = new Set<string>();
  const sink = await listen(called);
  const program = await BenchProgram.start();
  try {
    await queued(program, executions, called, (sink.address() as AddressInfo).port);
  } finally {
    await program.stop();
    sink.close();
    sink.closeAllConnections();
  }
}

/** Notes the key of each request. */
async function listen(called: Set<string>): Promise<Server> {
  const sink = createServer((request, response) => {
    called.add(request.headers['idempotency-key'] as string);
    request.resume();
    response.end('ok');
  });
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
  return sink;
}

async function queued(
  program: BenchProgram,
  executions: number,
  called: Set<string>,
  port: number,
): Promise<void> {
  const params = { url: `http://127.0.0.1:${port}/{{ service.name }}` };
  const { id: action } = await program.post<{ id: string }>('/api/v1/actions', {
    name: 'tell',
    type: 'webhook',
    params,
  });
  await insertFailed(program, executions, action);
  const before = program.usage();
  let oldest = 0;
  const watch = setInterval(
    () =>
      void program
        .metric('monscale_executions_oldest_due_seconds')
        .then((age) => (oldest = Math.max(oldest, age))),
    SAMPLE_MS,
  );
  const begun = performance.now();
  await program.post('/api/v1/executions/retry', { status: 'failed' });
  await until(() => called.size >= executions, 'all webhooks came');
  const calledAfter = performance.now() - begun;
  await until(async () => (await openExecutions(program)) === 0, 'all ends are written down');
  const endedAfter = performance.now() - begun;
  clearInterval(watch);
  const after = program.usage();
  printTable(`${executions} queued executions of one webhook, queued to written down`, [
    ['executions/s', (1000 * executions) / endedAfter],
    ['last webhook after, ms', calledAfter],
    ['last end committed after, ms', endedAfter],
    ...(['program', 'postgres', 'redis'] as const).map(
      (part) =>
        [
          `CPU ms per execution, ${part}`,
          ((after[part].cpuSeconds - before[part].cpuSeconds) * 1000) / executions,
        ] as const,
    ),
  ]);
}

/** As a target that was away for an hour leaves them; a person retries them all at once. */
async function insertFailed(program: BenchProgram, count: number, action: string): Promise<void> {
  const variables = {
    service: { id: newId(), name: 'web-cpu-high', description: '', labels: { team: 'web' } },
    trigger: {
      id: newId(),
      at: new Date().toISOString(),
      reason: 'triggered',
      justification: 'cpu is 93, over 80',
    },
    values: { cpu: 93 },
  };
  await program.sql.query(
    `INSERT INTO executions (id, trigger_id, service_id, service_name, action_id, action_name, status, justification,
       variables, created_at, finished_at)
     SELECT id, $2, $3, 'web-cpu-high', $4, 'tell', 'failed', 'cpu is 93, over 80', $5, now(), now()
     FROM unnest($1::uuid[]) AS id`,
    [Array.from({ length: count }, newId), newId(), newId(), action, JSON.stringify(variables)],
  );
  await program.sql.query('ANALYZE executions');
}

async function openExecutions(program: BenchProgram): Promise<number> {
  const { rows } = await program.sql.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM executions WHERE status IN ('queued', 'running')`,
  );
  return rows[0]!.count;
}

void main();
