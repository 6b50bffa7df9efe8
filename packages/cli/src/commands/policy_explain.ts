/** `postern policy explain` */
import type { LoadedRelease } from '@postern/policy-engine';
import type { DecisionExplanation } from '@postern/policy-engine/explain';
import type { InputReason, RecordedInput } from '@postern/policy-engine/replay';
import type { Command } from 'commander';
import type { Answer, Cli } from '../cli.ts';
import { addCompileOptions, type CompileOptions } from '../compile_policies.ts';
import { defineCommand } from '../define_command.ts';
import { formatExplanation, formatRefusal } from '../explain_text.ts';
import { explainedRequest } from '../explained_request.ts';
import { loadPolicies } from '../load_policies.ts';
import { addRequestOptions, type RequestOptions } from '../request_options.ts';

export function addPolicyExplain(parent: Command, cli: Cli): void {
  defineCommand<CompileOptions & RequestOptions>(parent, cli, {
    name: 'explain <dir>',
    description: 'why a request is allowed or not: for each party the policies, and what was in the way; offline',
    examples: [
      ['postern policy explain policies --test "at night nothing is paid back"', 'the request of a test'],
      ['postern policy explain policies --records inputs.jsonl --line 17', 'the example of a replay'],
      [
        'postern policy explain policies --request request.yaml',
        'a request in a file, such as those of docs/policies.md',
      ],
      [
        'postern policy explain policies --service payments --method POST --target /refunds --workload spiffe://demo.test/storefront --user alice --group support',
        'a request of your own',
      ],
    ],
    configure: (command) => addRequestOptions(addCompileOptions(command)),
    async run(cli, options, [dir = '']) {
      const policies = await loadPolicies(cli, dir, options);
      return explain(policies.loaded, await explainedRequest(cli, policies, options));
    },
  });
}

async function explain(loaded: LoadedRelease, recorded: RecordedInput): Promise<Answer> {
  const { inputOf } = await import('@postern/policy-engine/replay');
  const input = inputOf(loaded, recorded);
  if (!input.ok) return refused(recorded, input.reason);
  const { explainDecision } = await import('@postern/policy-engine/explain');
  const explanation: DecisionExplanation = explainDecision(loaded, input.value);
  const { action } = input.value;
  const { request, service, atMs } = recorded;
  return {
    json: { service, action, request, atMs, ...explanation },
    text: (paint) => formatExplanation(paint, recorded, action, explanation),
  };
}

/** No policy was asked. */
async function refused(recorded: RecordedInput, reason: InputReason): Promise<Answer> {
  const { REASONS } = await import('@postern/broker');
  // Of a record: a described request names a service of the repository.
  const operator = reason === 'service-unknown' ? 'name a service of the repository' : REASONS[reason].operator;
  const { request, service, atMs } = recorded;
  return {
    json: { service, request, atMs, outcome: 'deny', reason, operator, parties: [], toCaller: [] },
    text: (paint) => formatRefusal(paint, recorded, reason, operator),
  };
}
