import type { CompiledService } from './compiled-service';

/** Largest number of compiled services in memory; with more, some are compiled again. */
const KEPT_AT_MOST = 200_000;

/** Versions that a compiled service is made of. */
export interface Versions {
  version: number;
  infrastructure_version: number | null;
}

/** Compiled services in memory, each of the versions it was compiled of; the oldest make room for others. */
export class CompiledServices {
  private readonly kept = new Map<string, { key: string; compiled: CompiledService | undefined }>();

  constructor(private readonly atMost = KEPT_AT_MOST) {}

  /** Tells whether the service is kept in these versions. */
  has(id: string, versions: Versions): boolean {
    return this.kept.get(id)?.key === keyOf(versions);
  }

  get(id: string): CompiledService | undefined {
    return this.kept.get(id)?.compiled;
  }

  /** @param compiled undefined where the service can't be compiled */
  put(id: string, versions: Versions, compiled: CompiledService | undefined): void {
    this.kept.set(id, { key: keyOf(versions), compiled });
  }

  /** Makes room for so many. */
  makeRoom(count: number): void {
    while (this.kept.size > Math.max(0, this.atMost - count))
      this.kept.delete(this.kept.keys().next().value!);
  }
}

const keyOf = ({ version, infrastructure_version }: Versions): string =>
  `${version}:${infrastructure_version}`;
