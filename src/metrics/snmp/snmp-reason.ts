import {
  ErrorStatus,
  RequestFailedError,
  RequestTimedOutError,
  ResponseInvalidCode,
  ResponseInvalidError,
} from 'net-snmp';
import { messageOf } from '../../common/errors';
import { BrokenAnswer } from './snmp-session';

const WRONG_ANSWERS: Partial<Record<ResponseInvalidCode, string>> = {
  [ResponseInvalidCode.ECouldNotDecrypt]: "its answer can't be decrypted; is privKey right?",
  [ResponseInvalidCode.EReqResOidNoMatch]: 'it answered other objects than were asked',
  [ResponseInvalidCode.EVersionNoMatch]: 'it answered in another version of SNMP',
  [ResponseInvalidCode.ECommunityNoMatch]: 'it answered with another community',
  [ResponseInvalidCode.EUnexpectedReport]: 'it refused the question with a report that names no reason',
  [ResponseInvalidCode.ENotInTimeWindow]: 'its answer is outside the time window; is it a replayed one?',
};

const FAILURES: Partial<Record<ErrorStatus, string>> = {
  [ErrorStatus.TooBig]: 'the answer is too big for the agent',
  [ErrorStatus.NoSuchName]: 'the agent has no such object',
  [ErrorStatus.NoAccess]: 'the agent gives no access to the object',
  [ErrorStatus.AuthorizationError]: 'the agent refused the credentials',
};

/**
 * Why a question failed, as the end of a sentence. net-snmp's own messages are not passed on where they may hold
 * a community or a digest.
 */
export function reasonOf(error: unknown, timeoutMs: number): string {
  if (error instanceof RequestTimedOutError) return `no answer in ${timeoutMs / 1000} s`;
  if (error instanceof BrokenAnswer) return `its answer can't be understood: ${error.message}`;
  if (error instanceof RequestFailedError) {
    return (
      FAILURES[error.status] ?? `the agent answered the error ${ErrorStatus[error.status] ?? error.status}`
    );
  }
  if (error instanceof ResponseInvalidError) {
    return WRONG_ANSWERS[error.code] ?? credentialsReason(error);
  }
  return messageOf(error);
}

/** Reports of RFC 3414, 5, by net-snmp's words for them; its words for a wrong digest are not for people. */
function credentialsReason({ code, info, message }: ResponseInvalidError): string {
  if (code !== ResponseInvalidCode.EAuthFailure) return 'its answer is not valid';
  if (info !== undefined) return 'its answer is signed with another key; is authKey right?';
  return `it refused the credentials: ${message.toLowerCase()}`;
}
