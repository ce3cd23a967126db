import { MibError, readMib } from '../snmp/mib';

/** Result of reading a MIB: the module as JSON, which can be parsed in turns, or why it is none. */
export type ReadMib = { json: string } | { error: string };

export default function read(text: string): ReadMib {
  try {
    return { json: JSON.stringify(readMib(text)) };
  } catch (error) {
    if (error instanceof MibError) return { error: error.message };
    throw error;
  }
}
