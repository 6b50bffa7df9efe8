export { withPathAuthority } from '../grpc/path_authority.ts';
export { type LocalAgent, OWN_UID, startLocalAgent, type TestEntry } from '../workload_api/testing/local_agent.ts';
export {
  type FunctionUrlAnswer,
  type FunctionUrlCall,
  type FunctionUrlOptions,
  type FunctionUrlServer,
  startFunctionUrl,
  TEST_CREDENTIALS,
  TEST_REGION,
} from './function_url.ts';
export {
  type Expected,
  type ReceivedCall,
  type SignatureReason,
  type SigningCredentials,
  verifySignature,
} from './sigv4.ts';
