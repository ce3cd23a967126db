import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ActionRegistry } from '../actions/action-registry';
import { FormatRegistry } from '../alerts/format-registry';
import { Needs } from '../auth/access';
import { LoadBalancerRegistry } from '../load-balancers/load-balancer-registry';
import { MetricRegistry } from '../metrics/metric-registry';
import { CONDITION_FUNCTIONS } from '../engine/condition';
import { PolicyRegistry } from '../policies/policy-registry';
import { Answers, list, object, shape, someObject, text } from '../common/shapes';

const MAPPINGS = list(object({ type: text, title: text, description: text, paramsSchema: someObject }));
const CATALOGUE = shape(
  'Catalogue',
  object({
    metrics: MAPPINGS,
    policies: MAPPINGS,
    actions: MAPPINGS,
    alertFormats: MAPPINGS,
    loadBalancers: MAPPINGS,
    conditionFunctions: list(object({ name: text, signature: text, description: text })),
  }),
);

/** Catalogue of the mappings that can be chosen by name, with the JSON Schema of their params. */
@ApiTags('mappings')
@ApiBearerAuth()
@Controller('api/v1/mappings')
export class CatalogueController {
  constructor(
    private readonly metrics: MetricRegistry,
    private readonly policies: PolicyRegistry,
    private readonly actions: ActionRegistry,
    private readonly formats: FormatRegistry,
    private readonly loadBalancers: LoadBalancerRegistry,
  ) {}

  @Get()
  @Needs('viewer')
  @ApiOperation({
    summary:
      'Every metric, policy, action, alert format and load balancer, with the JSON Schema of its params; functions of conditions',
  })
  @Answers(CATALOGUE)
  mappings() {
    return {
      metrics: this.metrics.catalogue(),
      policies: this.policies.catalogue(),
      actions: this.actions.catalogue(),
      alertFormats: this.formats.catalogue(),
      loadBalancers: this.loadBalancers.catalogue(),
      conditionFunctions: CONDITION_FUNCTIONS,
    };
  }
}
