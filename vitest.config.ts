import { defineConfig } from 'vitest/config';

// The long way round (`npm run test:long`) repeats what the short one tries a few times.
const patience = process.env['POSTERN_LONG'] === '1' ? 30 : 1;
const UNIT_TIMEOUT_MS = 20_000 * patience;
const SYSTEM_TIMEOUT_MS = 120_000 * patience;

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    exclude: ['node_modules', '.tools', '.postern', '.build', 'cdk.out'].map((folder) => `**/${folder}/**`),
    projects: [
      {
        // Beside the code: nothing there starts a program that takes long.
        extends: true,
        test: {
          name: 'unit',
          include: ['packages', 'functions', 'cdk', 'examples'].map((folder) => `${folder}/**/*.test.ts`),
          testTimeout: UNIT_TIMEOUT_MS,
        },
      },
      {
        // Two packages or more, whole programs, real peers.
        extends: true,
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          testTimeout: SYSTEM_TIMEOUT_MS,
          hookTimeout: SYSTEM_TIMEOUT_MS,
        },
      },
    ],
  },
});
