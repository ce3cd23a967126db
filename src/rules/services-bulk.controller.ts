import { Controller, Inject } from '@nestjs/common';
import { bulkController, LabelsChange } from '../api/bulk.controller';
import { CHANGED_AT_MOST } from '../api/bulk';
import { Needs } from '../auth/access';
import { Choice, Flag } from '../common/fields';
import type { Page } from '../database/pages';
import { Services } from '../services/services';
import { ServiceList } from './service-list';
import { MODES, ServiceFilter, ServicesQuery } from './service-query';

/** Change of many services. */
export class ServicesChange extends LabelsChange {
  @Flag({ description: 'False: they are not evaluated and never trigger', optional: true })
  enabled?: boolean;

  @Choice(MODES, { description: 'What a trigger does', optional: true })
  mode?: string;
}

@Controller('api/v1/services/bulk')
export class ServicesBulkController extends bulkController({
  name: 'services',
  definitions: Services,
  filter: ServiceFilter,
  change: ServicesChange,
  writes: Needs('editor'),
}) {
  @Inject(ServiceList) private readonly list: ServiceList;

  protected override idsMatching(filter: ServiceFilter): Promise<Page<string>> {
    return this.list.ids(Object.assign(new ServicesQuery(), filter, { limit: CHANGED_AT_MOST }));
  }
}
