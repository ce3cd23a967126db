/**
 * Words for errors of the transport. `messageOf` uses them for every error; exported here for callers who ask whether
 * an error is of the transport at all.
 */
export { transportWords } from '../../common/transport-words';
