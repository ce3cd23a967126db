import type { RoleParts } from './role-parts';
import { TrapListener } from './traps/trap-listener';

/** What the role `trap` runs: receives SNMP notifications over UDP. */
export const trap: RoleParts = { runs: [TrapListener] };
