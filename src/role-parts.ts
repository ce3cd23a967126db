import type { Type } from '@nestjs/common';

/** Parts of the program that are there where a process has a role. */
export interface RoleParts {
  /** What answers over HTTP; `/health` and `/metrics` are there in every role. */
  controllers?: Type[];
  /** Providers that start with the program, and drain when it stops. */
  runs: Type[];
}
