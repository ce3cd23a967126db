// Runs one campaign of test/campaigns/, on what is built now: npm run campaign crash -- --minutes 5
import { run, setUp } from './setup.mjs';

await setUp({ forTests: true });
const campaigns = ['-r', '@swc-node/register', 'test/campaigns/run.ts', ...process.argv.slice(2)];
process.exit(await run(process.execPath, campaigns, { stdio: 'inherit' }));
