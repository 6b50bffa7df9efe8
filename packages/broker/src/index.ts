export { DECISION_ID_HEADER, renderClientAnswer } from './client_answer.ts';
export { type Broker, type BrokerPorts, createBroker } from './decide_request.ts';
export type { ClientAnswer, Decision, Obligation } from './decision.ts';
export { createDecisionIds } from './decision_id.ts';
export { createDecisionRecord } from './decision_record.ts';
export { isEnforcementPoint } from './enforcement_point.ts';
export {
  type CallMetadata,
  type EnvoyCheckRequest,
  type EnvoyHttpRequest,
  type EnvoyMap,
  type EnvoyPeer,
  readGrpcCheck,
} from './grpc_check.ts';
export { IDENTITY_HEADERS } from './headers.ts';
export { type CheckReadReason, type HttpCheck, readHttpCheck } from './http_check.ts';
export { type CallerCode, type DecisionReason, REASONS, type ReasonRow } from './reasons.ts';
export { type EnvoyCheckResponse, type HeaderValueOption, renderGrpcAnswer } from './render_grpc.ts';
export { renderHttpAnswer } from './render_http.ts';
export type { CheckRequest, EnforcementPoint } from './request.ts';
