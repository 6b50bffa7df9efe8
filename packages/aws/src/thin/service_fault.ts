/** Errors in the SDK's form, so that `retries.ts` and the adapters need not know which client made a call. */

const SERVICE_CODE = /^[A-Za-z][A-Za-z0-9.]{0,127}$/;
const MAX_MESSAGE_CHARACTERS = 512;

/** `code`, `message`: of an answer, and so not ours. `details`: what the adapters read of a refusal. */
export function serviceFault(code: unknown, message: unknown, status: number, details: object = {}): Error {
  const fault = new Error(typeof message === 'string' ? message.slice(0, MAX_MESSAGE_CHARACTERS) : '');
  fault.name = typeof code === 'string' && SERVICE_CODE.test(code) ? code : `HttpStatus${status}`;
  return Object.assign(fault, details, { $metadata: { httpStatusCode: status } });
}

/** Nobody knows what became of the request. */
export class AnswerLost extends Error {
  override readonly name = 'AnswerLost';
}
