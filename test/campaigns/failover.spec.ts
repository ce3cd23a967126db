import { needs } from '../needs';
import { postgresFolder } from '../stand-ins/installed-postgres';
import { failoverCampaign, type Failover } from './failover';

const isThere = needs("Debian's PostgreSQL", postgresFolder() !== undefined, 'postgresql');
const SHORT: readonly Failover[] = isThere ? ['promotion', 'sentinel'] : ['sentinel'];

/** The full campaign: `npm run campaign failover`. */
it.each(SHORT)(
  '%s: what was begun ends, nothing is lost and nothing done twice',
  async (failover) => {
    const [report] = await failoverCampaign([failover]);
    expect(report).toMatchObject({ violations: [], acknowledged: report!.executions });
    expect(report!.acknowledged).toBeGreaterThan(20);
  },
  180_000,
);
