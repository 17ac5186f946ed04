import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

/** The browser: CHROMIUM, else the system's, else the one Playwright downloaded. */
function chromium(): string | undefined {
    const known = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];
    return process.env.CHROMIUM ?? process.env.CHROMIUM_PATH ?? known.find((path) => existsSync(path));
}

export default defineConfig({
    testDir: "./tests",
    outputDir: "./test-results",
    globalSetup: "./support/global-setup.ts",
    // Each worker has a server of its own; both share two MariaDB servers.
    workers: 2,
    fullyParallel: true,
    forbidOnly: true,
    retries: 0,
    timeout: 60_000,
    expect: { timeout: 15_000 },
    reporter: "list",
    use: {
        browserName: "chromium",
        viewport: { width: 1280, height: 800 },
        locale: "en-GB",
        timezoneId: "UTC",
        trace: "retain-on-failure",
        launchOptions: {
            executablePath: chromium(),
            args: [
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        },
    },
});
