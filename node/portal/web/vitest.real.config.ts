import { defineConfig } from 'vitest/config';

// Against the real program: make portal-e2e.
export default defineConfig({
  test: { include: ['test/real/**/*.test.mjs'], testTimeout: 90_000, hookTimeout: 90_000, fileParallelism: false, bail: 1 },
});
