/**
 * `npm run tools [-- --json] [-- --only NAME[,NAME]]`: installs the programs that tests and the demo use into `.tools/`.
 * A tool that is not to be had is reported with its reason; that is an error only where CI=true.
 */
import { endMistaken, readCommandLine } from '../kit/command_line.ts';
import { areToolsPresent, installTools, type ToolReport } from './install_tools.ts';
import { takeToolsLock } from './lock.ts';
import { type ToolName, toolTable } from './tool_table.ts';

const say = (line: string) => void process.stderr.write(`${line}\n`);
const program = {
  name: 'npm run tools',
  options: { json: { type: 'boolean', default: false }, only: { type: 'string', multiple: true } },
  usage: `npm run tools [-- --only NAME[,NAME]] [-- --json]

Gets the real programs that tests and the demo use into .tools/, and says which are there.
What is there already is not fetched again. Their names:
${toolTable.map(({ name, version }) => `  ${name.padEnd(18)}${version}`).join('\n')}

  --only NAME  these alone; repeatable, or with commas
  --json       one JSON document
  --help       this text

Examples:
  npm run tools
  npm run tools -- --only envoy,ministack

Exit codes: 0, also when one is not to be had (1 where CI=true); 2 for a mistake in the command line.
`,
} as const;
const { values } = readCommandLine(program);
const names = parseNames(values.only);

const release = areToolsPresent(names) ? () => {} : takeToolsLock(() => say('tools: waiting for another run to end'));
try {
  const reports = await installTools(names, (name) => say(`tools: installing ${name}`));
  process.stdout.write(values.json ? `${JSON.stringify(reports, undefined, 2)}\n` : renderTable(reports));
  const isComplete = reports.every((report) => report.state !== 'missing');
  process.exitCode = isComplete || process.env['CI'] !== 'true' ? 0 : 1;
} finally {
  release();
}

function parseNames(given: string[] | undefined): ToolName[] | undefined {
  if (given === undefined) return undefined;
  const known = toolTable.map((tool) => tool.name);
  const asked = given.flatMap((list) => list.split(','));
  const unknown = asked.filter((name) => !known.some((other) => other === name));
  if (unknown.length > 0)
    endMistaken(program, `unknown \`${unknown.join('`, `').slice(0, 200)}\`; known are ${known.join(', ')}`);
  return known.filter((name) => asked.includes(name));
}

function renderTable(reports: ToolReport[]): string {
  const width = Math.max(...reports.map((report) => report.name.length));
  const lines = reports.map((report) => {
    const took = report.state === 'installed' ? ` in ${(report.tookMs / 1000).toFixed(1)} s` : '';
    const note = report.reason ?? report.path ?? '';
    return `${report.name.padEnd(width)}  ${report.version.padEnd(7)} ${(report.state + took).padEnd(20)} ${note}`;
  });
  return `${lines.join('\n')}\n`;
}
