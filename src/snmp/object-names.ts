import { inTurns } from '../common/turns';
import type { MibModule } from './mib';
import { MibNames } from './mib-names';
import { builtInMibs, commonMibs } from './standard-mibs';

/** Object written by name, as Net-SNMP does: `IF-MIB::ifInOctets.3`, `sysUpTime.0`. */
const SYMBOLIC = /^((?:[A-Za-z0-9_-]+::)?[A-Za-z][A-Za-z0-9_-]*)((?:\.\d{1,10})*)$/;

/** Names that Net-SNMP's tools print where they lack the module: roots, and the name of one instance. */
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

/** Says that uploaded modules are still to come: until then an unknown name may be one of theirs. */
export function awaitUploadedMibs(): void {
  awaitsUploaded = true;
}

export const mayBeUploaded = (): boolean => awaitsUploaded;

/**
 * Returns the built-in modules, the common objects, and the uploaded modules, which replace common ones of the same
 * name.
 */
function modulesWith(uploaded: readonly MibModule[]): MibModule[] {
  const replaced = new Set(uploaded.map(({ name }) => name));
  return [...builtInMibs(), ...commonMibs().filter(({ name }) => !replaced.has(name)), ...uploaded];
}

/** Replaces the uploaded modules, in this process. */
export async function setUploadedMibs(uploaded: readonly MibModule[]): Promise<void> {
  const turn = ++latest;
  // Without any the names are few, and are made for the first that is looked up: most processes look up none.
  const made = uploaded.length === 0 ? undefined : await inTurns(MibNames.of(modulesWith(uploaded)));
  // Somebody has told of later ones meanwhile.
  if (turn !== latest) return;
  known = made;
  awaitsUploaded = false;
}

/** Returns the OID of an object that is written by name; undefined when no module has the name. */
export function oidOfName(text: string): string | undefined {
  const [, name, instance] = SYMBOLIC.exec(text) ?? [];
  if (name === undefined) return undefined;
  const oid = names().oids.get(name) ?? (Object.hasOwn(PRINTED, name) ? PRINTED[name] : undefined);
  return oid === undefined ? undefined : `${oid}${instance}`;
}

/** Tells whether an OID is, by the known modules, an object that wraps at 2^32, or an instance of one. */
export function isCounter32(oid: string): boolean {
  const { counters } = names();
  for (let end = oid.length; end > 0; end = oid.lastIndexOf('.', end - 1))
    if (counters.has(oid.slice(0, end))) return true;
  return false;
}
