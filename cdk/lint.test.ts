import { Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, test } from 'vitest';
import type { Context } from './context.ts';
import { type Finding, isSuppressed, unusedSuppressions } from './testing/suppressions.ts';
import { FULL_CONTEXT, synthesiseForTest } from './testing/synthesised.ts';

/** The plugin's own verdict would end the synthesis; here it is looked at. */
function findingsOf(context: Context): Finding[] {
  const findings: Finding[] = [];
  synthesiseForTest(context, ({ app }) => {
    const checks = new AwsSolutionsChecks(app);
    Validations.of(app).addPlugins({
      name: checks.name,
      validate: (validated) => {
        for (const { ruleName, violatingResources } of checks.validate(validated).violations)
          for (const { constructPath = '?' } of violatingResources)
            findings.push({ linter: 'cdk-nag', rule: ruleName, where: constructPath });
        return { success: true, violations: [] };
      },
    });
  });
  return findings;
}

describe('cdk-nag', () => {
  const findings = findingsOf(FULL_CONTEXT);

  test('finds nothing that has no reason to stay', () => {
    expect(findings.length).toBeGreaterThan(0);
    expect(findings.filter((finding) => !isSuppressed(finding))).toEqual([]);
  });

  test('finds all that has one: a suppression of nothing would hide the next mistake', () => {
    expect(unusedSuppressions('cdk-nag', findings)).toEqual([]);
  });

  test('finds nothing else when little is configured, or when it is for trying out', () => {
    for (const context of [{}, { ...FULL_CONTEXT, retain: 'false', objectLock: 'none', allowLoopbackIssuers: 'true' }])
      expect(findingsOf(context).filter((finding) => !isSuppressed(finding))).toEqual([]);
  });
});
