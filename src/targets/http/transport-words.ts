/** `messageOf` uses it for every error; here for who asks whether an error is of the transport at all. */
export { transportWords } from '../../common/transport-words';
