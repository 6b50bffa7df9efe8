import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context } from '@postern/cdk/context';
import { type Finding, isSuppressed, unusedSuppressions } from '@postern/cdk/testing/suppressions';
import { FULL_CONTEXT, synthesiseForTest } from '@postern/cdk/testing/synthesised';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithTool } from '../kit/tools.ts';
import { runCommand } from '../tools/run_command.ts';

type Match = { Rule: { Id: string }; Message: string; Location: { Path: (string | number)[] } };

describeWithTool('cfn-lint', ['cfn-lint'], (paths) => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'postern-cfn-lint-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** It knows the service's own schemas, Region by Region; it looks nothing up. */
  async function findingsOf(context: Context): Promise<Finding[]> {
    const file = join(folder, 'template.json');
    writeFileSync(file, synthesiseForTest(context).text);
    const regions = ['--regions', 'eu-central-1', 'us-east-1'];
    const { output } = await runCommand(paths['cfn-lint'], ['--format', 'json', ...regions, '--', file]);
    return (JSON.parse(output) as Match[]).map(({ Rule, Location }) => {
      return { linter: 'cfn-lint', rule: Rule.Id, where: Location.Path.join('/') };
    });
  }

  test('finds nothing that has no reason to stay, and all that has one', async () => {
    const findings = [...(await findingsOf(FULL_CONTEXT)), ...(await findingsOf({}))];
    expect(findings.filter((finding) => !isSuppressed(finding))).toEqual([]);
    expect(unusedSuppressions('cfn-lint', findings)).toEqual([]);
  });

  test('would find a mistake', async () => {
    const file = join(folder, 'wrong.json');
    const template = JSON.parse(synthesiseForTest(FULL_CONTEXT).text.replaceAll('nodejs24.x', 'nodejs24'));
    writeFileSync(file, JSON.stringify(template));
    const { output } = await runCommand(paths['cfn-lint'], ['--format', 'json', '--', file]);
    expect((JSON.parse(output) as Match[]).map(({ Rule }) => Rule.Id)).toContain('E3030');
  });
});
