/** `npm run stand-in cloudforms -- --port 8443`: starts a stand-in for people to try actions on, and says how to reach it. */
import { parseArgs } from 'node:util';
import { CloudFormsStandIn } from './cloudforms';
import { F5StandIn } from './f5';
import { KubernetesStandIn } from './kubernetes';
import { WebhookSink } from './webhook-sink';

const TICK_MS = 3_000;

/** Starts it. @returns what a person needs to know, line by line */
type Start = (port: number) => Promise<string[]>;

const STAND_INS: Record<string, Start> = {
  cloudforms: async (port) => {
    const cloudForms = new CloudFormsStandIn();
    cloudForms.addVm('web-1', 'monitoredservice/web');
    cloudForms.addVm('web-2', 'monitoredservice/web');
    const url = await cloudForms.start(port);
    setInterval(() => cloudForms.tick(), TICK_MS);
    return [
      `CloudForms, SOAP and REST, at ${url}`,
      `user ${cloudForms.username}, password ${cloudForms.password}, template rhel6`,
      'web-1 and web-2 carry the tag monitoredservice/web',
      `approved requests take a step each ${TICK_MS / 1000} s`,
      `approve: curl -X POST ${url}/_ctl/approve/<id>, deny: ${url}/_ctl/deny/<id>, look: ${url}/_ctl/state`,
      `trouble for the next call: curl -d '{"dropAfter": true}' ${url}/_ctl/next; requests that fail: curl -d 'disk full' ${url}/_ctl/fails`,
    ];
  },
  f5: async (port) => {
    const bigIp = new F5StandIn({ admin: 'secret' });
    bigIp.addPool('/Common/web');
    const url = await bigIp.start(port);
    return [
      `F5 BIG-IP, iControl REST, at ${url}`,
      'user admin, password secret, an empty pool web in Common',
    ];
  },
  kubernetes: async (port) => {
    const cluster = new KubernetesStandIn({ token: 'secret' });
    cluster.followMs = TICK_MS;
    cluster.addWorkload('shop/deployments/web', 2);
    const url = await cluster.start(port);
    return [
      `Kubernetes at ${url}`,
      `token secret; Deployment web in namespace shop has 2 replicas, and follows within ${TICK_MS / 1000} s`,
    ];
  },
  webhook: async (port) => {
    const sink = new WebhookSink();
    const url = await sink.start(port);
    setInterval(
      () => sink.requests.splice(0).forEach((request) => console.log(JSON.stringify(request))),
      200,
    );
    return [`a webhook at ${url}: what it is sent is printed here`];
  },
};

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { port: { type: 'string', default: '0' } },
    allowPositionals: true,
  });
  const [name = ''] = positionals;
  const start = Object.hasOwn(STAND_INS, name) ? STAND_INS[name] : undefined;
  const port = Number(values.port);
  if (start === undefined || !Number.isInteger(port) || port < 0 || port > 65_535) {
    console.error(`usage: npm run stand-in <${Object.keys(STAND_INS).join(' | ')}> [-- --port <number>]`);
    return 2;
  }
  for (const line of await start(port)) console.log(line);
  return 0;
}

main().then(
  (code) => {
    if (code !== 0) process.exit(code);
  },
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
