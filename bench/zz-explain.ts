import { Client } from 'pg';
import { defineBreachable, evaluateOnce } from './breaches';
import { BenchProgram } from './program';
import { Sink } from './sink';
async function main() {
  const sink = await Sink.start();
  const program = await BenchProgram.start();
  try {
    const names = await defineBreachable(program, 500, sink);
    await evaluateOnce(program, names);
    for (const name of names.slice(0,100)) { await program.post('/api/v1/alerts', { labels: { name } }); await sink.arrival(name); }
    const c = new Client({ connectionString: program.databaseUrl });
    await c.connect();
    await c.query('SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off');
    const ids = (await c.query('SELECT id FROM services LIMIT 1')).rows.map((r:any)=>r.id);
    const show = async (text: string, types: string, ...args: string[]) => {
      await c.query(`PREPARE x (${types}) AS ${text}`);
      for (let i = 0; i < 3; i++) { const { rows } = await c.query(`EXPLAIN (ANALYZE, BUFFERS, COSTS) EXECUTE x (${args.join(',')})`); if (i === 2) console.log(rows.map((r: any) => r['QUERY PLAN']).join('\n'), '\n'); }
      await c.query('DEALLOCATE x');
    };
    await show(`SELECT s.id, s.version, i.version AS infrastructure_version, st.state, st.next_moment, k.is_on AS kill_switch
  FROM services s CROSS JOIN kill_switch k
    LEFT JOIN infrastructures i ON i.id = s.infrastructure_id
    LEFT JOIN service_states st ON st.service_id = s.id WHERE s.id = ANY($1::uuid[])`, 'uuid[]', `'{${ids.join(',')}}'`);
    await c.end();
  } finally { await program.stop(); sink.stop(); }
}
void main();
