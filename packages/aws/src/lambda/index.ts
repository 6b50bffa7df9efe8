export { type RenderedAnswer, renderHttpAnswer } from './http_answer.ts';
export { type HttpEventReason, readHttpEvent } from './http_event.ts';
export { describeFault, type Log, type LogLine, logToStdout } from './log.ts';
export { principalOf } from './principal.ts';
export { serveLambda, TICK_EVENT } from './serve_lambda.ts';
export type { HttpAnswer, HttpCall, ServedFunction } from './served_function.ts';
