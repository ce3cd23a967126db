import type { Database } from '../database/database';
import { Partitions } from './partitions';

/** A table of samples or of what was made of them, and how many days one of its partitions holds. */
export interface Table {
  name: string;
  partitionDays: number;
  /** Rows of many series are wide, and are read for one of them: they stay in one piece. */
  storage?: string;
}

/** Rolled up: of each step of each series count, sum, min, max and last reading. */
export interface RollUp extends Table {
  stepSeconds: number;
}

export const RAW: Table = { name: 'samples', partitionDays: 1 };

const storage = 'WITH (toast_tuple_target = 8160)';
export const FIVE_MINUTES: RollUp = { name: 'samples_5m', partitionDays: 7, stepSeconds: 300, storage };
export const HOUR: RollUp = { name: 'samples_1h', partitionDays: 30, stepSeconds: 3_600, storage };

export const partitionsOf = (database: Database, { name, partitionDays, storage }: Table): Partitions =>
  new Partitions(database, name, partitionDays, storage);
