/** The whole command line as a tree. A new command is a new file in `commands/` and a new line here. */
import { Command } from 'commander';
import type { Cli } from './cli.ts';
import { addAcmeKeyCreate } from './commands/acme_key_create.ts';
import { addAcmeKeyDelete } from './commands/acme_key_delete.ts';
import { addAcmeKeyList } from './commands/acme_key_list.ts';
import { addAgentCommand } from './commands/agent.ts';
import { addAgentRun } from './commands/agent_run.ts';
import { addAttestorCreate } from './commands/attestor_create.ts';
import { addAttestorDelete } from './commands/attestor_delete.ts';
import { addAttestorList } from './commands/attestor_list.ts';
import { addAttestorShow } from './commands/attestor_show.ts';
import { addAuditExport } from './commands/audit_export.ts';
import { addAuditList } from './commands/audit_list.ts';
import { addAuditShow } from './commands/audit_show.ts';
import { addAuditVerify } from './commands/audit_verify.ts';
import { addCaAdvance } from './commands/ca_advance.ts';
import { addCaAnchorAdd } from './commands/ca_anchor_add.ts';
import { addCaAnchorRemove } from './commands/ca_anchor_remove.ts';
import { addCaCsr } from './commands/ca_csr.ts';
import { addCaDistrust } from './commands/ca_distrust.ts';
import { addCaImportChain } from './commands/ca_import_chain.ts';
import { addCaOverride } from './commands/ca_override.ts';
import { addCaPrepare } from './commands/ca_prepare.ts';
import { addCaStatus } from './commands/ca_status.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addEntryApply } from './commands/entry_apply.ts';
import { addEntryCreate } from './commands/entry_create.ts';
import { addEntryDelete } from './commands/entry_delete.ts';
import { addEntryList } from './commands/entry_list.ts';
import { addEntryShow } from './commands/entry_show.ts';
import { addEntryUpdate } from './commands/entry_update.ts';
import { addEnvoyBootstrap, addEnvoyConfig } from './commands/envoy_config.ts';
import { addFederationCreate } from './commands/federation_create.ts';
import { addFederationDelete } from './commands/federation_delete.ts';
import { addFederationList } from './commands/federation_list.ts';
import { addImportCertManager } from './commands/import_cert_manager.ts';
import { addImportSpire } from './commands/import_spire.ts';
import { addPolicyCheck } from './commands/policy_check.ts';
import { addPolicyDiff } from './commands/policy_diff.ts';
import { addPolicyExplain } from './commands/policy_explain.ts';
import { addPolicyList } from './commands/policy_list.ts';
import { addPolicyPublish } from './commands/policy_publish.ts';
import { addPolicyReplay } from './commands/policy_replay.ts';
import { addPolicyRollback } from './commands/policy_rollback.ts';
import { addPolicyTest } from './commands/policy_test.ts';
import { addRevokeCommand } from './commands/revoke.ts';
import { addStartCommand } from './commands/start.ts';
import { addStatusCommand } from './commands/status.ts';
import { addSvidAttest } from './commands/svid_attest.ts';
import { addSvidFetch } from './commands/svid_fetch.ts';
import { addSvidVerifyJwt } from './commands/svid_verify_jwt.ts';
import { addTokenCreate } from './commands/token_create.ts';
import { EXIT_CODES } from './exit_codes.ts';
import { createPaint } from './terminal_text.ts';
import { VERSION } from './version.ts';

type AddCommand = (parent: Command, cli: Cli) => void;

const GROUPS: readonly {
  readonly name?: string;
  readonly description?: string;
  readonly commands: readonly AddCommand[];
}[] = [
  { commands: [addStartCommand, addAgentCommand, addStatusCommand, addDoctorCommand] },
  { name: 'agent', commands: [addAgentRun, addEnvoyBootstrap] },
  { name: 'envoy', description: 'proxies that ask for decisions', commands: [addEnvoyConfig] },
  {
    name: 'svid',
    description: 'identities of this process',
    commands: [addSvidFetch, addSvidAttest, addSvidVerifyJwt],
  },
  {
    name: 'policy',
    description: 'policies: check, test, compare, publish',
    commands: [
      addPolicyCheck,
      addPolicyTest,
      addPolicyExplain,
      addPolicyDiff,
      addPolicyReplay,
      addPolicyPublish,
      addPolicyRollback,
      addPolicyList,
    ],
  },
  {
    name: 'entry',
    description: 'registration entries: which workload gets which SPIFFE ID',
    commands: [addEntryCreate, addEntryList, addEntryShow, addEntryUpdate, addEntryDelete, addEntryApply],
  },
  {
    name: 'import',
    description: 'registrations of other systems, as a file for `entry apply`',
    commands: [addImportSpire, addImportCertManager],
  },
  {
    name: 'federation',
    description: 'other trust domains whose SVIDs are believed',
    commands: [addFederationCreate, addFederationList, addFederationDelete],
  },
  {
    name: 'attestor',
    description: 'platforms whose word the authority takes for what runs there',
    commands: [addAttestorCreate, addAttestorList, addAttestorShow, addAttestorDelete],
  },
  {
    name: 'ca',
    description:
      'the authority’s own keys: roll them over, a company’s root, other authorities while a migration lasts',
    commands: [addCaStatus, addCaPrepare, addCaAdvance, addCaOverride, addCaDistrust, addCaCsr, addCaImportChain],
  },
  {
    name: 'ca anchor',
    description: 'other authorities of this trust domain, while a migration lasts',
    commands: [addCaAnchorAdd, addCaAnchorRemove],
  },
  { name: 'acme', description: 'certificates for what speaks ACME and nothing else', commands: [] },
  {
    name: 'acme key',
    description: 'keys with which ACME clients make accounts for registration entries',
    commands: [addAcmeKeyCreate, addAcmeKeyList, addAcmeKeyDelete],
  },
  { name: 'token', description: 'one-time tokens for agents and bare machines', commands: [addTokenCreate] },
  { commands: [addRevokeCommand] },
  {
    name: 'audit',
    description: 'the audit trail: search, export, verify',
    commands: [addAuditList, addAuditShow, addAuditExport, addAuditVerify],
  },
];

export function createProgram(cli: Cli): Command {
  const { io } = cli;
  const program = new Command('postern')
    .description('Access broker and certificate authority for workloads.')
    .version(VERSION, '--version', 'version of this command line')
    .helpOption('-h, --help', 'this help')
    .helpCommand(false)
    // What follows a command's name is the command's, whose own `--` must reach it.
    .enablePositionalOptions()
    .exitOverride()
    // Taken out again where there are no colours.
    .configureHelp({ styleTitle: (text) => createPaint(true)('bold', text) })
    .configureOutput({
      writeOut: io.out,
      writeErr: io.err,
      // Said by `runCli`, in the same form as every other failure.
      outputError: () => {},
      getOutHasColors: () => io.hasOutColours,
      getErrHasColors: () => io.hasErrColours,
    });
  for (const { name, description, commands } of GROUPS) {
    const parent = name === undefined ? program : groupOf(program, name, description ?? '');
    for (const add of commands) add(parent, cli);
  }
  program.addHelpText('after', `\n${exitCodeHelp()}`);
  return program;
}

/** `name`: words; all but the last are of a group above, which comes first. One that is a command by itself stays that. */
function groupOf(program: Command, name: string, description: string): Command {
  const words = name.split(' ');
  const find = (group: Command, word: string) => group.commands.find((command) => command.name() === word);
  const above = words.slice(0, -1).reduce((group, word) => {
    const found = find(group, word);
    if (found === undefined) throw new Error(`there is no group \`${word}\` for \`${name}\``);
    return found;
  }, program);
  const last = words.at(-1) as string;
  const group = find(above, last) ?? above.command(last).description(description);
  return group.helpCommand(false).enablePositionalOptions();
}

function exitCodeHelp(): string {
  const rows = Object.values(EXIT_CODES).map(({ code, meaning }) => `  ${code}  ${meaning}`);
  return ['Exit codes:', ...rows].join('\n');
}
