export { type Agent, type AgentOptions, startAgent } from './agent.ts';
export { SocketInUse } from './peer/socket_path.ts';
export type { Log, LogFields, LogLevel } from './log.ts';
export { AgentNotJoined, type JoinReason } from './node_identity.ts';
export { FolderInUse } from './node_state/lock.ts';
