/** Everything that can be wrong with a policy repository: one row each, shown in reports for code review and in the docs. */

export interface ProblemRule {
  /** An error keeps the repository from being published; a warning does not. Tests are no part of what is published. */
  readonly severity: 'error' | 'warning';
  /** One sentence, without a full stop. */
  readonly what: string;
}

const error = (what: string) => ({ severity: 'error', what }) as const;
const warning = (what: string) => ({ severity: 'warning', what }) as const;

export const PROBLEM_RULES = {
  'files-too-many': error('there are more files than a repository may have'),
  'files-too-large': error('a file, or all of them together, is larger than it may be'),
  'file-encoding': error('a file is not Unicode text: half of a surrogate pair stands alone'),
  'file-hidden': warning(
    'a file would mean something, and is left out: its name, or that of a folder, begins with a dot',
  ),
  'file-unexpected': error('a file is at no place that means anything: a guardrail there would guard nothing'),
  'yaml-malformed': error('the text is not YAML 1.2'),
  'yaml-feature': error('anchors, aliases and tags are not used: what a file says stands where it says it'),
  'yaml-key-unknown': error('a key is misspelt or has no meaning there'),
  'yaml-key-missing': error('a key that is required is missing'),
  'yaml-value': error('a value is of another kind, or out of its bounds'),
  'service-name': error('a service is not named like its file, or like another one'),
  'service-owner-unknown': error('the owner of a service is no team'),
  'spiffe-id-shared': error('a SPIFFE ID is of two services'),
  'observe-end': error('`observe` has no end within 30 days'),
  'method-unknown': warning('a method is none that is registered: a misspelt one is never asked for'),
  'route-invalid': error('no request can match a route'),
  'route-conflict': error('two routes claim the same requests'),
  'action-ambiguous': error('an action means two things'),
  'openapi-unknown': error('there is no OpenAPI document where a service says'),
  'openapi-unused': warning('no service names this OpenAPI document'),
  'openapi-malformed': error('the document does not follow the OpenAPI specification of its version'),
  'openapi-version': error('the document is of no version of OpenAPI that is read'),
  'openapi-too-large': error('the document has more operations than a service may have routes'),
  'openapi-reference': error('a reference leads out of the document, to nothing, or in a circle'),
  'openapi-servers': error('the servers of a document do not say one path that all operations are below'),
  'openapi-operation': error('an operation cannot become an action'),
  'openapi-path': error('a path of the document cannot be routed'),
  'openapi-path-ambiguous': error('two paths match one request and neither is the more specific'),
  'service-unknown': error('a policy names a service that there is not'),
  'team-unknown': error('a team is not declared'),
  'team-cycle': error('a team is above itself'),
  'policy-malformed': error('a policy is not Cedar'),
  'policy-too-complex': error('a policy is nested deeper, or is longer, than is safe to read'),
  'policy-not-loadable': error('a decision point would refuse a policy, for its depth, its size or a name in it'),
  'policy-template': error('a policy has slots that nothing fills'),
  'policy-too-many': error('there are more policies than a release may have'),
  'policy-id': error('an `@id` cannot stand in records and on command lines'),
  'policy-id-duplicate': error('two policies have one `@id`'),
  'policy-invalid': error('a policy does not agree with the schema'),
  'policy-suspicious': warning('Cedar’s validator finds a policy suspicious'),
  'policy-never-applies': warning('a policy applies to no action, or to nobody'),
  'principal-unknown': warning('a condition names somebody or a group that there is not'),
  'policy-impossible': warning('conditions of a policy rule each other out'),
  'policy-shadowed': warning('a policy decides nothing: another one always decides the same'),
  'permit-overruled': warning('a permit permits nothing: a forbid always applies with it'),
  'policy-annotation': error('an annotation would be passed over when it matters'),
  'team-policy-outside': error('a policy of a team can apply only to services of others'),
  'test-service-unknown': error('a test or a described request is of a service that there is not'),
  'test-issuer-unknown': error('a test or a described request has a person of an issuer that is not declared'),
  'test-name-duplicate': error('two tests have one name'),
  'schema-malformed': error('the additions to the schema are not a Cedar schema'),
  'schema-too-complex': error('the additions to the schema are nested deeper than is safe to read'),
  'check-incomplete': warning('not everything was compared with everything'),
  'release-too-large': error('the release would be larger than a decision point takes'),
  'release-not-loadable': error('a decision point would refuse the release'),
} as const satisfies { readonly [code: string]: ProblemRule };

export type ProblemCode = keyof typeof PROBLEM_RULES;
export type CodeOf<S extends ProblemRule['severity']> = {
  [C in ProblemCode]: (typeof PROBLEM_RULES)[C]['severity'] extends S ? C : never;
}[ProblemCode];
