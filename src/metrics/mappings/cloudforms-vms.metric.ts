import { isIPv4 } from 'node:net';
import { isIn, networkProblem } from '../../common/addresses';
import { messageOf } from '../../common/errors';
import { Choice, Nested, Text } from '../../common/fields';
import { livingMachines, TAG, TAG_HINT, type Machine } from '../../targets/cloudforms/machines';
import {
  APIS,
  targetOf,
  usernameProblem,
  type Api,
  type CloudFormsAccess,
} from '../../targets/cloudforms/target';
import { ORIGIN } from '../../targets/http/origin';
import { TlsParams } from '../../targets/http/params';
import { MetricMapping, type Metric, type Node, type ReadContext } from '../metric';

/**
 * Power states of a machine that takes no part in the work. Other words (unknown, reboot_in_progress, …) don't say so.
 */
const OFF = ['off', 'suspended', 'paused'];
/** Networks whose addresses reach nobody else: loopback, and those that a machine gives itself (RFC 1122, RFC 3927). */
const OF_NO_USE = ['127.0.0.0/8', '169.254.0.0/16'];

export class CloudFormsVmsParams implements CloudFormsAccess {
  @Text({
    directs: 'origin',
    description: 'Where CloudForms answers',
    ...ORIGIN,
    example: 'https://cloudforms.example.com',
  })
  url: string;

  @Text({ description: 'User', minLength: 1, check: usernameProblem, example: 'monscale' })
  username: string;

  @Text({ directs: 'nothing', description: 'Password of the user', secret: true, minLength: 1 })
  password: string;

  @Text({
    directs: 'nothing',
    description: 'Tag that the machines carry, category/entry',
    pattern: TAG,
    patternHint: TAG_HINT,
    example: 'monitoredservice/web',
  })
  tag: string;

  @Choice(APIS, {
    directs: 'nothing',
    description: 'SOAP for CloudForms 3.0; REST for later versions and ManageIQ',
  })
  api: Api = 'soap';

  @Text({
    directs: 'nothing',
    description:
      'For a load balancer: the network in which machines take work; without it the first IPv4 address of each counts',
    optional: true,
    check: networkProblem,
    example: '10.0.0.0/8',
  })
  network?: string;

  @Nested(() => TlsParams, { description: 'TLS to CloudForms', optional: true })
  tls?: TlsParams;
}

@MetricMapping({
  type: 'cloudforms_vms',
  title: 'CloudForms: virtual machines',
  description: 'Counts living virtual machines of CloudForms or ManageIQ that carry a tag',
  params: CloudFormsVmsParams,
})
export class CloudFormsVms implements Metric<CloudFormsVmsParams> {
  async read(params: CloudFormsVmsParams, { signal }: ReadContext): Promise<number> {
    return (await machinesOf(params, signal)).length;
  }

  /**
   * Lists the machines that are switched on. One whose state or address is not known now is listed without an address.
   */
  async nodes(params: CloudFormsVmsParams, { signal }: Pick<ReadContext, 'signal'>): Promise<Node[]> {
    const machines = await machinesOf(params, signal);
    return machines
      .filter(({ power }) => !OFF.includes(power))
      .map(({ id, name, power, addresses }) => ({
        id,
        name: name || id,
        address: power === 'on' ? addressAmong(addresses, params.network) : undefined,
      }));
  }
}

async function machinesOf(params: CloudFormsVmsParams, signal: AbortSignal): Promise<Machine[]> {
  try {
    return await livingMachines(targetOf(params), params.api, params.tag, signal);
  } catch (error) {
    throw new Error(`cannot read the machines that carry ${params.tag}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function addressAmong(addresses: readonly string[], network: string | undefined): string | undefined {
  if (network !== undefined) return addresses.find((address) => isIn(network, address));
  return addresses.find((address) => isIPv4(address) && !OF_NO_USE.some((local) => isIn(local, address)));
}
