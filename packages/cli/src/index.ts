export { createCli } from './cli.ts';
export { examplesOf } from './define_command.ts';
export { EXIT_CODES } from './exit_codes.ts';
export type { CliIo } from './io.ts';
export { createProgram } from './program.ts';
export { runCli } from './run_cli.ts';
export { explainStartFault } from './start_fault.ts';
