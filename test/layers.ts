/**
 * Which part may know which: one row per package. Dependencies run one way, so that the decision core stays free of
 * I/O, runs in a browser and in a Lambda function alike, and a reader of one package need not know those above it.
 */

/** Packages by folder; `mayUse` names the workspace packages below it. */
export type Layer = { name: string; folder: string; mayUse: readonly string[] };

const GROUND = ['result', 'canonical-json'];
const CREDENTIALS = [...GROUND, 'der', 'spiffe', 'keys', 'store'];
const DECISION = [...CREDENTIALS, 'policy-engine', 'feed', 'identity', 'audit', 'ca'];
const OPERATION = [...DECISION, 'broker', 'api', 'acme', 'outbound'];

export const layers: readonly Layer[] = [
  { name: 'result', folder: 'packages/result', mayUse: [] },
  { name: 'canonical-json', folder: 'packages/canonical-json', mayUse: ['result'] },
  { name: 'der', folder: 'packages/der', mayUse: ['result'] },
  { name: 'spiffe', folder: 'packages/spiffe', mayUse: ['result', 'der'] },
  { name: 'policy-engine', folder: 'packages/policy-engine', mayUse: ['result'] },
  { name: 'store', folder: 'packages/store', mayUse: ['result'] },
  { name: 'api', folder: 'packages/api', mayUse: ['result'] },
  { name: 'keys', folder: 'packages/keys', mayUse: ['result', 'der'] },
  { name: 'aws', folder: 'packages/aws', mayUse: ['result', 'keys', 'store'] },
  { name: 'audit', folder: 'packages/audit', mayUse: [...GROUND, 'keys', 'store'] },
  { name: 'ca', folder: 'packages/ca', mayUse: CREDENTIALS },
  { name: 'outbound', folder: 'packages/outbound', mayUse: ['result'] },
  { name: 'acme', folder: 'packages/acme', mayUse: [...CREDENTIALS, 'ca', 'api', 'outbound'] },
  { name: 'feed', folder: 'packages/feed', mayUse: [...GROUND, 'keys', 'policy-engine', 'spiffe', 'store'] },
  { name: 'identity', folder: 'packages/identity', mayUse: [...CREDENTIALS, 'ca'] },
  { name: 'broker', folder: 'packages/broker', mayUse: DECISION },
  { name: 'agent', folder: 'packages/agent', mayUse: OPERATION },
  { name: 'functions', folder: 'functions', mayUse: [...OPERATION, 'aws'] },
  { name: 'cdk', folder: 'cdk', mayUse: ['result', 'spiffe', 'api', 'keys', 'outbound', 'aws', 'functions'] },
  { name: 'cli', folder: 'packages/cli', mayUse: [...OPERATION, 'aws', 'agent', 'functions'] },
  { name: 'demo', folder: 'examples/demo', mayUse: [...OPERATION, 'agent', 'functions', 'cli'] },
];

/** Folders of pure code: no I/O, no clock, no chance, no `node:` module. `except` is not on the decision path. */
export const pureFolders: readonly { folder: string; except: readonly string[] }[] = [
  { folder: 'packages/result/src', except: [] },
  { folder: 'packages/canonical-json/src', except: [] },
  { folder: 'packages/der/src', except: [] },
  { folder: 'packages/spiffe/src', except: [] },
  { folder: 'packages/policy-engine/src', except: ['packages/policy-engine/src/publish'] },
];

/** Dependencies that only the named folders may import, tests aside where `inTests` says so. */
export const fencedDependencies: readonly { matches: RegExp; folders: readonly string[]; inTests: boolean }[] = [
  // In `test/interop` as a workload of somebody else uses it.
  { matches: /^@aws-sdk\//, folders: ['packages/aws', 'test/interop'], inTests: false },
  { matches: /^@cedar-policy\/cedar-wasm(\/|$)/, folders: ['packages/policy-engine/src/publish'], inTests: true },
];
