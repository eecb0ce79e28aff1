import { defineConfig } from 'vitest/config';

// Runs against ../dist in a real Chromium, one file after another: they share two cores with whatever else runs.
export default defineConfig({
  test: { include: ['test/browser/**/*.test.mjs'], testTimeout: 120_000, hookTimeout: 60_000, fileParallelism: false },
});
