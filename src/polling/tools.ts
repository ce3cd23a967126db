import { Injectable } from '@nestjs/common';
import { maskedParams, sealedParams, type Chosen } from '../common/choice';
import { checked } from '../common/check';
import { withDeadline } from '../common/deadline';
import { InvalidInput, messageOf } from '../common/errors';
import { Secrets } from '../common/secrets';
import { Audit } from '../database/audit';
import { targetProblem } from '../metrics/mappings/snmp-oid.metric';
import { normalOid } from '../snmp/oid';
import { MetricRegistry } from '../metrics/metric-registry';
import type { Reading } from '../common/reading';
import { Poller } from './poller';
import { Reads } from './reads';
import { SnmpClient, type Walk } from '../snmp/snmp-client';
import { SnmpWalkDto } from './tools.dto';

export type Timed<T> = T & { elapsedSeconds: number };

const NO_NODES = 'there is no infrastructure here; see GET /infrastructures/:id/capacity';

/** Tools for a person who sets a rule up: metrics read once, agents walked. Nothing is stored. */
@Injectable()
export class Tools {
  constructor(
    private readonly registry: MetricRegistry,
    private readonly reads: Reads,
    private readonly poller: Poller,
    private readonly snmp: SnmpClient,
    private readonly secrets: Secrets,
    private readonly audit: Audit,
  ) {}

  /** Reads a metric once, as a poll would. @throws InvalidInput */
  async read(chosen: Chosen, timeoutSeconds: number): Promise<Timed<Reading>> {
    if (this.registry.isPushed(chosen.type)) {
      const detail = 'is fed by received alerts; there is nothing to read';
      throw new InvalidInput([{ pointer: '/type', detail }]);
    }
    await this.secrets.look([chosen.params]);
    const params = sealedParams(this.registry, chosen, '', this.secrets);
    const nodes = () => Promise.reject(new Error(NO_NODES));
    const reads = { value: this.reads.of({ type: chosen.type, params }, timeoutSeconds * 1000) };
    const read = await timed<Reading>(async () => {
      try {
        for await (const [polling] of this.poller.poll([{ reads, countNodes: nodes, listNodes: nodes }]))
          return shown(polling!.readings.value!);
        throw new Error('nothing was read');
      } catch (error) {
        return { error: messageOf(error) };
      }
    });
    await this.audit.note({
      action: 'try',
      object: { type: 'metric', name: chosen.type },
      outcome: 'error' in read ? 'failed' : 'succeeded',
      detail: {
        params: maskedParams(this.registry, { type: chosen.type, params }, this.secrets),
        timeoutSeconds,
      },
    });
    return read;
  }

  /**
   * Walks an SNMP agent.
   *
   * @throws InvalidInput when a secret is missing
   */
  async walk(given: SnmpWalkDto): Promise<Timed<Walk>> {
    await this.secrets.look([given]);
    const { oid, rowsAtMost, timeoutSeconds, retries, ...target } = this.opened(given);
    const timeoutMs = timeoutSeconds * 1000;
    const asked = this.secrets.mask(SnmpWalkDto, { ...given });
    // Before it is asked: what the agent makes of it is no matter.
    await this.audit.note({
      action: 'walk',
      object: { type: 'snmp_agent', name: given.host },
      detail: asked,
    });
    return timed(() =>
      withDeadline(timeoutMs, (signal) =>
        this.snmp.walk(target, normalOid(oid), { rowsAtMost, retries, timeoutMs, signal }),
      ),
    );
  }

  private opened(given: SnmpWalkDto): SnmpWalkDto {
    try {
      const { params } = this.secrets.open(SnmpWalkDto, { ...given });
      const opened = checked(SnmpWalkDto, params);
      const problem = targetProblem(opened);
      if (problem) throw new Error(problem);
      return opened;
    } catch (error) {
      if (error instanceof InvalidInput) throw error;
      throw new InvalidInput([{ pointer: '', detail: messageOf(error) }]);
    }
  }
}

/** Reduces a reading to its number, or why there is none. */
const shown = (reading: Reading): Reading => ('value' in reading ? { value: reading.value } : reading);

async function timed<T extends object>(work: () => Promise<T>): Promise<Timed<T>> {
  const began = performance.now();
  const result = await work();
  return { ...result, elapsedSeconds: Math.round(performance.now() - began) / 1000 };
}
