export { type Agent, type AgentOptions, startAgent } from './agent.ts';
export { CredentialsMissing, type OutgoingCall, type SendCall } from './control_plane/client.ts';
export {
  type AuthzTarget,
  type EnvoyConfigInput,
  type OutboundService,
  renderEnvoyConfig,
  type TcpAddress,
} from './envoy/index.ts';
export type { Log, LogFields, LogLevel } from './log.ts';
export { AgentNotJoined, type JoinReason } from './node_identity.ts';
export { FolderInUse } from './node_state/lock.ts';
export { SocketInUse } from './peer/socket_path.ts';
export type { AgentNotReady } from './readiness.ts';
export type { StatusPlace } from './status_endpoint.ts';
export { fetchX509Svids, followX509Svids, type WorkloadSvid, type WorkloadSvids } from './workload_api/client.ts';
export type { WorkloadApiOptions, WorkloadApiReason } from './workload_api/client_call.ts';
export {
  fetchJwtSvids,
  type ValidatedJwtSvid,
  validateJwtSvid,
  type WorkloadJwtSvid,
} from './workload_api/jwt_client.ts';
