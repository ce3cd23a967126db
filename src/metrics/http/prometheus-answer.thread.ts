import { saidIn, type Said } from './prometheus-answer';

export default ({ body }: { body: Uint8Array }): Said => saidIn(body);
