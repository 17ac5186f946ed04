import { defineConfig } from "@playwright/test";
import journeys from "./playwright.config";

/** What the console may cost: measured on a server built for release, one thing at a time. */
export default defineConfig({
    ...journeys,
    testDir: "./budgets",
    outputDir: "./test-results/budgets",
    workers: 1,
    fullyParallel: false,
    timeout: 240_000,
    use: { ...journeys.use, trace: "off" },
});
