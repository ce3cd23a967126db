import {
  ErrorStatus,
  RequestFailedError,
  RequestTimedOutError,
  ResponseInvalidCode,
  ResponseInvalidError,
} from 'net-snmp';
import { messageOf } from '../common/errors';
import { BrokenAnswer } from './broken-answer';
import type { SnmpTarget } from './snmp-target';

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
 * Returns why a question failed, as the end of a sentence. net-snmp's own messages are not passed on where they may
 * hold a community or a digest.
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

const SILENCE = /^no answer in [\d.]+ s$/;

/** Adds to silence what it may mean: agents don't answer questions that they refuse. */
export function withHint(why: string, { version }: Pick<SnmpTarget, 'version'>): string {
  if (!SILENCE.test(why)) return why;
  const wrong = version === '3' ? 'it takes no version 3' : 'community or version are not what it takes';
  return `${why}: the host is down, a firewall is between, or ${wrong}`;
}

/** Describes a message that net-snmp can't parse; its own messages are of its insides. */
export function garbled(error: unknown): string {
  const isType =
    error instanceof ResponseInvalidError && error.code === ResponseInvalidCode.EUnknownObjectType;
  return isType ? 'a value is of a type that is none of SNMP' : 'it is cut off or garbled';
}

/** Describes a report of RFC 3414, 5, or a wrong digest, by the message that net-snmp has for it. */
function credentialsReason({ code, info, message }: ResponseInvalidError): string {
  if (code !== ResponseInvalidCode.EAuthFailure) return 'its answer is not valid';
  if (info !== undefined) return 'its answer is signed with another key; is authKey right?';
  const [report] = message.toLowerCase().split(' (');
  const hint = report === 'wrong digest' ? '; is authKey right?' : '';
  return `it refused the credentials: ${report}${hint}`;
}
