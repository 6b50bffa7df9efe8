export type { AuthzTarget, EnvoyConfigInput, FunctionUrlTarget, OutboundService, TcpAddress } from './input.ts';
export { renderEnvoyConfig } from './render_envoy_config.ts';
export type { Config } from './typed.ts';
