import { runWhenIdle } from '../common/thread-priority';
import hash from './passwords.thread';

// Where it can't be done this thread is as nice as the other one.
runWhenIdle();

export default hash;
