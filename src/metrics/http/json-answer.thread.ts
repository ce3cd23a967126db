import { numbersAt, type Found } from './json-answer';

export default ({ body, paths }: { body: Uint8Array; paths: string[] }): Found[] => numbersAt(paths, body);
