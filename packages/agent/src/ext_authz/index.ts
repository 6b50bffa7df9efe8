export { type DecisionObserver, observeByAll } from './decision_observer.ts';
export { createDenialLog } from './denial_log.ts';
export { createExtAuthz, type ExtAuthz, type ExtAuthzPorts } from './ext_authz.ts';
export { CHECK_METHOD } from './grpc_check_server.ts';
export { CHECK_PATH, type HttpCheckListener } from './http_check_server.ts';
