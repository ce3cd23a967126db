import { Process, Processor } from '@nestjs/bull';
import type { OnModuleInit } from '@nestjs/common';
import type { Job } from 'bull';
import { LocalAlertDispatch } from '../alerts/local-alert-dispatch';
import type { AlertsJob } from '../queue/jobs';
import { AlertEvaluation } from './alert-evaluation';
import { DueServices } from './due-services';

const CONCURRENCY = 8;

/**
 * Worker of the `alerts` queue: takes new alerts, and services whose next moment has come or whose definition changed.
 * Alerts that this process takes in itself come without the queue.
 */
@Processor('alerts')
export class AlertsProcessor implements OnModuleInit {
  constructor(
    private readonly evaluation: AlertEvaluation,
    private readonly services: DueServices,
    private readonly dispatch: LocalAlertDispatch,
  ) {}

  onModuleInit(): void {
    this.dispatch.offer({
      insertEvaluated: (...given) => this.evaluation.insertEvaluated(...given),
      evaluate: (...given) => this.evaluation.takeFresh(...given),
    });
  }

  @Process({ concurrency: CONCURRENCY })
  async process({ data }: Job<AlertsJob>): Promise<void> {
    if (data.alerts) await this.evaluation.takeAlerts(data.alerts, data.traces);
    if (data.services) await this.services.take(data.services);
  }
}
