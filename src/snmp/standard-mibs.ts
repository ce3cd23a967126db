import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readMib, type MibModule } from './mib';

let builtIn: MibModule[] | undefined;

/**
 * Returns the modules that net-snmp brings along, read once. SMIv1's come first: of two names of an OID the later one
 * counts.
 */
export function builtInMibs(): readonly MibModule[] {
  if (builtIn === undefined) {
    const folder = join(dirname(require.resolve('net-snmp')), 'lib', 'mibs');
    const files = readdirSync(folder).filter((file) => file.endsWith('.mib'));
    const isOld = (file: string) => Number(file.startsWith('RFC'));
    files.sort((a, b) => isOld(b) - isOld(a) || (a < b ? -1 : 1));
    const texts = files.map((file) => readFileSync(join(folder, file), 'latin1'));
    builtIn = texts.map(readMib);
  }
  return builtIn;
}

/** Objects below one OID, by their last number; those in `counters` are Counter32. */
interface Objects {
  module: string;
  below: string;
  objects: Record<string, number>;
  counters?: Record<string, number>;
}

/** Objects of other modules that are read most: of Net-SNMP's UCD-SNMP-MIB and of HOST-RESOURCES-MIB (RFC 2790). */
const COMMON: readonly Objects[] = [
  {
    module: 'UCD-SNMP-MIB',
    below: '1.3.6.1.4.1.2021.2.1',
    objects: { prIndex: 1, prNames: 2, prMin: 3, prMax: 4, prCount: 5, prErrorFlag: 100, prErrMessage: 101 },
  },
  {
    module: 'UCD-SNMP-MIB',
    below: '1.3.6.1.4.1.2021.4',
    objects: {
      memTotalSwap: 3, memAvailSwap: 4, memTotalReal: 5, memAvailReal: 6, memTotalFree: 11, memMinimumSwap: 12,
      memShared: 13, memBuffer: 14, memCached: 15, memTotalSwapX: 18, memAvailSwapX: 19, memTotalRealX: 20,
      memAvailRealX: 21, memTotalFreeX: 22, memBufferX: 25, memCachedX: 26, memSysAvail: 27, memSwapError: 100,
    }, // prettier-ignore
  },
  {
    module: 'UCD-SNMP-MIB',
    below: '1.3.6.1.4.1.2021.9.1',
    objects: {
      dskIndex: 1, dskPath: 2, dskDevice: 3, dskMinimum: 4, dskMinPercent: 5, dskTotal: 6, dskAvail: 7, dskUsed: 8,
      dskPercent: 9, dskPercentNode: 10, dskErrorFlag: 100, dskErrorMsg: 101,
    }, // prettier-ignore
  },
  {
    module: 'UCD-SNMP-MIB',
    below: '1.3.6.1.4.1.2021.10.1',
    objects: {
      laIndex: 1,
      laNames: 2,
      laLoad: 3,
      laConfig: 4,
      laLoadInt: 5,
      laLoadFloat: 6,
      laErrorFlag: 100,
    },
  },
  {
    module: 'UCD-SNMP-MIB',
    below: '1.3.6.1.4.1.2021.11',
    objects: {
      ssSwapIn: 3, ssSwapOut: 4, ssIOSent: 5, ssIOReceive: 6, ssSysInterrupts: 7, ssSysContext: 8, ssCpuUser: 9,
      ssCpuSystem: 10, ssCpuIdle: 11, ssCpuNumCpus: 67,
    },
    counters: {
      ssCpuRawUser: 50, ssCpuRawNice: 51, ssCpuRawSystem: 52, ssCpuRawIdle: 53, ssCpuRawWait: 54, ssCpuRawKernel: 55,
      ssCpuRawInterrupt: 56, ssIORawSent: 57, ssIORawReceived: 58, ssRawInterrupts: 59, ssRawContexts: 60,
      ssCpuRawSoftIRQ: 61, ssRawSwapIn: 62, ssRawSwapOut: 63, ssCpuRawSteal: 64, ssCpuRawGuest: 65,
      ssCpuRawGuestNice: 66,
    },
  }, // prettier-ignore
  {
    module: 'HOST-RESOURCES-MIB',
    below: '1.3.6.1.2.1.25.1',
    objects: {
      hrSystemUptime: 1,
      hrSystemDate: 2,
      hrSystemNumUsers: 5,
      hrSystemProcesses: 6,
      hrSystemMaxProcesses: 7,
    },
  },
  { module: 'HOST-RESOURCES-MIB', below: '1.3.6.1.2.1.25.2', objects: { hrMemorySize: 2 } },
  {
    module: 'HOST-RESOURCES-MIB',
    below: '1.3.6.1.2.1.25.2.3.1',
    objects: {
      hrStorageIndex: 1, hrStorageType: 2, hrStorageDescr: 3, hrStorageAllocationUnits: 4, hrStorageSize: 5,
      hrStorageUsed: 6,
    },
    counters: { hrStorageAllocationFailures: 7 },
  }, // prettier-ignore
  {
    module: 'HOST-RESOURCES-MIB',
    below: '1.3.6.1.2.1.25.3.2.1',
    objects: { hrDeviceIndex: 1, hrDeviceType: 2, hrDeviceDescr: 3, hrDeviceID: 4, hrDeviceStatus: 5 },
    counters: { hrDeviceErrors: 6 },
  },
  {
    module: 'HOST-RESOURCES-MIB',
    below: '1.3.6.1.2.1.25.3.3.1',
    objects: { hrProcessorFrwID: 1, hrProcessorLoad: 2 },
  },
  {
    module: 'HOST-RESOURCES-MIB',
    below: '1.3.6.1.2.1.25.5.1.1',
    objects: { hrSWRunPerfCPU: 1, hrSWRunPerfMem: 2 },
  },
];

/**
 * Returns the commonest objects of modules that are not built in; an uploaded module of the same name replaces them.
 */
export function commonMibs(): readonly MibModule[] {
  const modules = new Map<string, MibModule>();
  for (const { module, below, objects, counters = {} } of COMMON) {
    const known = modules.get(module) ?? { name: module, definitions: [] };
    const [root = '', ...arcs] = below.split('.');
    for (const [name, last] of Object.entries({ ...objects, ...counters })) {
      const oid = [...arcs.map(Number), last];
      known.definitions.push(name in counters ? [name, root, oid, 'counter32'] : [name, root, oid]);
    }
    modules.set(module, known);
  }
  return [...modules.values()];
}
