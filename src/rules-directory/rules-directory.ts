import { Inject, Injectable, Logger } from '@nestjs/common';
import { sqlOf } from '../api/definition-versions';
import { ALL_RIGHTS, runAs, type Caller } from '../common/caller';
import { InvalidInput, messageOf, Unavailable, VersionMismatch } from '../common/errors';
import { Recurring } from '../common/periodic';
import { telemetry } from '../common/telemetry';
import { unlessAborted } from '../common/unless-aborted';
import { CONFIG, type Config } from '../config/config';
import { FILES } from '../database/managed';
import { Import } from '../transfer/import';
import { Ownership } from '../transfer/ownership';
import { DirectoryStates, LeaseLost, type DirectoryState } from './directory-state';
import { Drifts } from './drifts';
import { documentOf, mistakesOf, mistakeText } from './rule-document';
import { MISTAKES_AT_MOST, readRuleFiles, type Look, type Mistake } from './rule-files';
import { Settling } from './settling';
import { turnOf, type Turn } from './turn';

const EVERY_MS = 1_000;
/** Time after which files that have not changed are compared with what is applied, milliseconds. */
const COMPARE_MS = 5_000;
/** Longest time that the folder may take to be read: what it is mounted from may hang. */
const READ_MS = 30_000;
const LOGGED_AT_MOST = 10;

/** Caller in whose name files are applied. */
const RULES_DIRECTORY: Caller = {
  actor: 'rules directory',
  via: 'program',
  address: '',
  grants: ALL_RIGHTS,
  manager: FILES,
  refersOnly: true,
};

/**
 * Applies the rules of MONSCALE_RULES_DIR whenever they change: what the files have is created and changed, what they no
 * longer have is deleted, in one transaction, or nothing is.
 *
 * Each process with the folder looks at it every second. Settled: it was the same for two seconds. The process that holds
 * the lease compares what is settled with what was applied last; the others stand by. Always holds: rules with any
 * mistake, an empty folder and one that can't be read change nothing.
 */
@Injectable()
export class RulesDirectory extends Recurring {
  private readonly logger = new Logger('RulesDirectory');
  private readonly folder: string | undefined;
  private readonly settling = new Settling();
  /** Hash and moment of the last comparison, by the monotonic clock. */
  private compared = { hash: '', atMs: -Infinity };
  private attemptedMs = -Infinity;
  /** The look under way; while it hangs no other is begun. */
  private looking?: Promise<Look>;

  constructor(
    @Inject(CONFIG) config: Config,
    private readonly states: DirectoryStates,
    private readonly drifts: Drifts,
    private readonly importer: Import,
    private readonly ownership: Ownership,
  ) {
    super(EVERY_MS);
    this.folder = config.rulesDir;
  }

  override async beforeApplicationShutdown(): Promise<void> {
    await super.beforeApplicationShutdown();
    if (this.folder === undefined) return;
    await this.states
      .release()
      .catch((error: unknown) => this.logger.warn(`can't let go of the folder: ${messageOf(error)}`));
  }

  override async round(): Promise<void> {
    if (this.folder === undefined) return;
    const look = await this.look(this.folder);
    const now = performance.now();
    if (!this.settling.isSettled(look.hash, now)) return;
    if (look.hash === this.compared.hash && now - this.compared.atMs < COMPARE_MS) return;
    await this.compare(look, this.folder);
    this.compared = { hash: look.hash, atMs: performance.now() };
  }

  private look(folder: string): Promise<Look> {
    this.looking ??= readRuleFiles(folder).finally(() => (this.looking = undefined));
    return unlessAborted(AbortSignal.timeout(READ_MS), this.looking).catch((error: unknown) => {
      throw new Error(`${folder} can't be read: ${messageOf(error)}`, { cause: error });
    });
  }

  private async compare(look: Look, folder: string): Promise<void> {
    try {
      const state = await this.states.hold(folder);
      if (state.isMine) await this.take(look, state, folder);
      const { mistakes } = state.isMine ? await this.states.hold(folder) : state;
      telemetry.rulesFilesBroken.set(new Set(mistakes.map(({ file }) => file)).size);
      telemetry.rulesDrift.set(await this.drifts.count());
    } catch (error) {
      // An old number would look like a new one.
      telemetry.rulesFilesBroken.remove();
      telemetry.rulesDrift.remove();
      throw error;
    }
  }

  private async take(look: Look, state: DirectoryState, folder: string): Promise<void> {
    const mistakes = [...look.mistakes, ...(await this.emptiness(look))];
    if (mistakes.length > 0) return this.refuse(look, mistakes, folder);
    if (look.files.length === 0) return this.states.calm('empty');
    const turn = await this.turn(look, state);
    if (turn === 'wait') return this.states.calm('waiting');
    if (turn === 'rest') return state.failed === null ? this.states.calm('applied') : undefined;
    this.attemptedMs = performance.now();
    await this.apply(look, folder);
  }

  /** Returns the mistake of a folder without files from which rules came: it may have vanished, or not be mounted. */
  private async emptiness({ files, mistakes }: Look): Promise<Mistake[]> {
    if (files.length > 0 || mistakes.length > 0) return [];
    const managed = await this.states.managed();
    if (managed === 0) return [];
    const detail = `there is no file of rules in the folder, and ${managed} definitions came from it: nothing is deleted. To delete them all, leave a file that says "monscale: 1" and nothing else`;
    return [{ pointer: '', detail }];
  }

  private async turn({ hash }: Look, { applied, failed, superseded, kept }: DirectoryState): Promise<Turn> {
    const turn = turnOf({
      hash,
      applied,
      failed,
      superseded,
      hasChanged: this.settling.hasChanged,
      isOpen: kept.length > 0,
      attemptedMs: performance.now() - this.attemptedMs,
    });
    if (turn !== 'again') return turn;
    this.attemptedMs = performance.now();
    const isFree = await runAs(RULES_DIRECTORY, () => this.ownership.isAnyFree(kept));
    return isFree ? 'apply' : 'rest';
  }

  private async apply(look: Look, folder: string): Promise<void> {
    const { entries, errors } = await documentOf(look.files);
    try {
      const plan = await runAs(RULES_DIRECTORY, () =>
        this.importer.run(entries, errors, {
          dryRun: false,
          skip: false,
          owner: {
            manager: FILES,
            prune: true,
            alongside: (manager, { created, updated, ...pruned }) =>
              this.states.applied(
                sqlOf(manager),
                { hash: look.hash, files: look.files.length, created, updated, pruned },
                folder,
              ),
          },
        }),
      );
      const deleted = plan.deleted?.length ?? 0;
      this.logger.log(
        `applied ${look.files.length} files of ${folder}: ${plan.created.length} created, ${plan.updated.length} changed, ${deleted} deleted`,
      );
      for (const { kind, name, detail } of plan.kept ?? [])
        this.logger.warn(`${kind} ${name} is no longer in ${folder} and stays: ${detail}`);
    } catch (error) {
      // Tried again in the next round: PostgreSQL is away, or somebody has just changed the same.
      if ([Unavailable, LeaseLost, VersionMismatch].some((kind) => error instanceof kind)) throw error;
      const mistakes =
        error instanceof InvalidInput
          ? await mistakesOf(error.errors, look.files)
          : [{ pointer: '', detail: `can't be applied: ${messageOf(error)}` }];
      await this.refuse(look, mistakes, folder);
    }
  }

  /** Tells what is wrong, once; what was applied before stays as it is. */
  private async refuse({ hash }: Look, found: Mistake[], folder: string): Promise<void> {
    const mistakes = found.slice(0, MISTAKES_AT_MOST);
    const isNew = await runAs(RULES_DIRECTORY, () => this.states.mistaken(hash, mistakes, folder));
    if (!isNew) return;
    this.logger.error(`${folder} is not applied, and the rules stay as they were:`);
    for (const mistake of mistakes.slice(0, LOGGED_AT_MOST)) this.logger.error(mistakeText(mistake));
    if (mistakes.length > LOGGED_AT_MOST) this.logger.error(`and ${mistakes.length - LOGGED_AT_MOST} more`);
  }
}
