import { inTurns } from '../common/turns';
import type { MibModule } from './mib';
import { MibNames } from './mib-names';
import { builtInMibs, commonMibs } from './standard-mibs';

/** `IF-MIB::ifInOctets.3`, `sysUpTime.0`, as Net-SNMP writes objects. */
const SYMBOLIC = /^((?:[A-Za-z0-9_-]+::)?[A-Za-z][A-Za-z0-9_-]*)((?:\.\d{1,10})*)$/;

/** What Net-SNMP's tools print where they have no module for more: roots, and the name of one instance. */
const PRINTED: Readonly<Record<string, string>> = {
  iso: '1',
  ccitt: '0',
  'joint-iso-ccitt': '2',
  sysUpTimeInstance: '1.3.6.1.2.1.1.3.0',
  'DISMAN-EVENT-MIB::sysUpTimeInstance': '1.3.6.1.2.1.1.3.0',
};

let known: MibNames | undefined;
let awaitsUploaded = false;
let latest = 0;

const names = (): MibNames => (known ??= new MibNames(modulesWith([])));

/** What was uploaded will be told: until then a name that is not known may be one of those. */
export function awaitUploadedMibs(): void {
  awaitsUploaded = true;
}

export const mayBeUploaded = (): boolean => awaitsUploaded;

/** Those of the modules that are built in, those that are read most, and those that were uploaded. */
function modulesWith(uploaded: readonly MibModule[]): MibModule[] {
  const replaced = new Set(uploaded.map(({ name }) => name));
  return [...builtInMibs(), ...commonMibs().filter(({ name }) => !replaced.has(name)), ...uploaded];
}

/** What was uploaded counts from now on, in this process. */
export async function setUploadedMibs(uploaded: readonly MibModule[]): Promise<void> {
  const turn = ++latest;
  const made = await inTurns(MibNames.of(modulesWith(uploaded)));
  // Somebody has told of later ones meanwhile.
  if (turn !== latest) return;
  known = made;
  awaitsUploaded = false;
}

/** The OID of an object that is written with a name; undefined when no module names it. */
export function oidOfName(text: string): string | undefined {
  const [, name, instance] = SYMBOLIC.exec(text) ?? [];
  if (name === undefined) return undefined;
  const oid = names().oids.get(name) ?? (Object.hasOwn(PRINTED, name) ? PRINTED[name] : undefined);
  return oid === undefined ? undefined : `${oid}${instance}`;
}

/** Is it, by the modules that are known, an object that goes round at 2^32? Its instance may stand behind it. */
export function isCounter32(oid: string): boolean {
  const { counters } = names();
  for (let end = oid.length; end > 0; end = oid.lastIndexOf('.', end - 1))
    if (counters.has(oid.slice(0, end))) return true;
  return false;
}
