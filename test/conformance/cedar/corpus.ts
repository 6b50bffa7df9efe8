/** Runs the requests of Cedar's integration corpus through the engine and compares decision, reasons and errors. */
import {
  compilePolicySet,
  contextFromJson,
  entitiesFromJson,
  entityUidFromJson,
  type JsonObject,
  type JsonValue,
  parseJson,
} from '../../../packages/policy-engine/src/cedar/index.ts';
import type { CorpusFiles } from './archive.ts';
import { policiesFromText, shapesFromText } from './policy_text.ts';

export interface CorpusResult {
  readonly passed: number;
  /** One line for each request that disagrees and each case that could not be run. */
  readonly disagreements: readonly string[];
}

/** A file of the corpus is a case when it names policies, entities and requests; these may be in `neighbours`. */
export function runCorpus(corpora: readonly CorpusFiles[], neighbours = corpora): CorpusResult {
  const disagreements: string[] = [];
  let passed = 0;
  for (const corpus of corpora) {
    for (const path of corpus.paths) {
      if (!path.endsWith('.json') || path.endsWith('.entities.json')) continue;
      const place = `${corpus.source}: ${path}`;
      try {
        const json = readJson(corpus.read(path));
        if (!isCase(json)) continue;
        for (const [index, disagreement] of runCase(json, path, corpus, neighbours).entries()) {
          if (disagreement === undefined) passed++;
          else disagreements.push(`${place} #${index}: ${disagreement}`);
        }
      } catch (error) {
        disagreements.push(`${place}: ${error instanceof Error ? error.message : error}`);
      }
    }
  }
  return { passed, disagreements };
}

function isCase(json: JsonValue): json is JsonObject & { requests: readonly JsonObject[] } {
  return typeof json === 'object' && json !== null && 'requests' in json && Array.isArray(json.requests);
}

/** For each request, `undefined` when everything agrees. */
function runCase(
  test: JsonObject & { requests: readonly JsonObject[] },
  path: string,
  corpus: CorpusFiles,
  corpora: readonly CorpusFiles[],
): (string | undefined)[] {
  const policies = compilePolicySet({ policies: policiesFromText(neighbour(test['policies'], path, corpus, corpora)) });
  const shapes = shapesFromText(neighbour(test['schema'], path, corpus, corpora));
  const entities = entitiesFromJson(readJson(neighbour(test['entities'], path, corpus, corpora)), shapes);
  if (!policies.ok) throw new Error(`${policies.reason} ${policies.detail ?? ''}`);
  if (!entities.ok) throw new Error(`${entities.reason} ${entities.detail ?? ''}`);
  return test.requests.map((request) => {
    const principal = entityUidFromJson(request['principal']);
    const action = entityUidFromJson(request['action']);
    const resource = entityUidFromJson(request['resource']);
    if (!principal.ok || !action.ok || !resource.ok) return 'the request could not be read';
    const context = contextFromJson(request['context'], shapes.context(action.value));
    if (!context.ok) return `the context could not be read: ${context.reason}`;
    const answer = policies.value.authorize(
      { principal: principal.value, action: action.value, resource: resource.value, context: context.value },
      entities.value,
    );
    const errors = answer.errors.map(({ policyId }) => policyId);
    const expected = show(request['decision'], request['reason'], request['errors']);
    const actual = show(answer.decision, answer.determining, errors);
    return expected === actual ? undefined : `expected ${expected}, got ${actual}`;
  });
}

/** Reason and errors are sets. */
function show(decision: JsonValue | undefined, reason: JsonValue | undefined, errors: JsonValue | undefined): string {
  const list = (ids: JsonValue | undefined) => [...(ids as readonly string[])].sort().join(' ');
  return `${decision} [${list(reason)}] errors [${list(errors)}]`;
}

/** Paths in a case are relative to the corpus's root, which is the folder of the case or one above it. */
function neighbour(
  name: JsonValue | undefined,
  path: string,
  corpus: CorpusFiles,
  corpora: readonly CorpusFiles[],
): string {
  if (typeof name !== 'string') throw new Error('the case names no file');
  const depth = path.split('/').length + 1;
  for (let up = 0; up <= depth; up++) {
    const content = corpus.read(`${'../'.repeat(up)}${name}`);
    if (content !== undefined) return content;
  }
  for (const other of corpora) {
    const content = other.read(name);
    if (content !== undefined) return content;
  }
  throw new Error(`${name} is missing`);
}

function readJson(text: string | undefined): JsonValue {
  const json = parseJson(text ?? '');
  if (!json.ok) throw new Error(`${json.reason} ${json.detail ?? ''}`);
  return json.value;
}
