/** `.ci/run` sets it, as nothing may be skipped there. */
const isStrict = (): boolean => process.env.TEST_NOTHING_MISSING === '1';

const told = new Set<string>();

/**
 * Is what some specs need there? Where it is not they are skipped, which is said once, or fail where nothing may be missing.
 *
 * @param packages of Debian that bring it
 */
export function needs(what: string, isThere: boolean, packages: string): boolean {
  if (!isThere && isStrict())
    throw new Error(`${what} is missing, and nothing may be skipped here: apt-get install ${packages}`);
  return isThere || isToBeSkipped(`${what} is missing (apt-get install ${packages})`);
}

/** May this process do what some specs need? Rights can't be installed: without them specs are skipped anywhere, and say so. */
export const needsRight = (what: string, isGiven: boolean): boolean =>
  isGiven || isToBeSkipped(`no right to ${what} here`);

/** Is what some specs need new enough? What Debian lacks in that version can't be installed: skipped anywhere, and said. */
export const needsVersion = (what: string, isThere: boolean): boolean =>
  isThere || isToBeSkipped(`${what} is missing, and no package brings it`);

function isToBeSkipped(because: string): false {
  if (!told.has(because)) process.stderr.write(`${because}: specs that need it are skipped\n`);
  told.add(because);
  return false;
}
