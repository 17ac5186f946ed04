import { type Page } from "@playwright/test";
import { expect, expectAccessible, hydrated, test } from "../support/test";
import { type Tidegate } from "../support/tidegate";
import { until } from "../support/wait";

const lines = (page: Page) => page.getByRole("region", { name: "Log lines" });

/** Requests that leave a line each. */
async function makeLines(server: Tidegate, count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) {
        await server.api("GET", "/health");
    }
}

/** How far the view is from the end of the log, in pixels. */
const distance = (page: Page) => lines(page).evaluate((node) => node.scrollHeight - node.scrollTop - node.clientHeight);

test("debug lines come live, are filtered, and wait while somebody reads", async ({ page, emptyServer: server }) => {
    await page.goto(`${server.url}/ui/logs`);
    await hydrated(page);
    await expect(lines(page)).toContainText("server is up");
    await page.getByRole("radio", { name: "debug" }).check();
    await expect(page.getByLabel("Return to the old level after 10 minutes")).toBeChecked();
    await page.getByRole("button", { name: "Set level" }).click();
    await expect(page.getByText(/debug until .* UTC, then info\./)).toBeVisible();
    await expect(lines(page)).toContainText("log level set level=debug");

    // New lines come without a reload, and the view stays at the end.
    await makeLines(server, 60);
    await expect(lines(page).getByText("/api/v2/health")).toHaveCount(60);
    await expect.poll(() => distance(page)).toBeLessThan(30);

    // Who has scrolled up is not moved.
    await lines(page).evaluate((node) => node.scrollTo(0, 0));
    await makeLines(server, 3);
    const newer = page.getByRole("button", { name: /^[3-9] new lines$/ });
    await expect(newer).toBeVisible();
    expect(await lines(page).evaluate((node) => node.scrollTop)).toBe(0);
    await newer.click();
    await expect(page.getByRole("button", { name: /new line/ })).toHaveCount(0);
    await expect.poll(() => distance(page)).toBeLessThan(30);
    await expect(lines(page).getByText("/api/v2/health")).toHaveCount(63);

    // The filter is in the address; what is searched for is marked.
    await page.getByLabel("Text", { exact: true }).fill("LOG LEVEL SET");
    await expect(lines(page).getByText("/api/v2/health")).toHaveCount(0);
    await expect(lines(page).locator("mark").first()).toHaveText("log level set");
    await expect(page).toHaveURL(/q=LOG\+LEVEL\+SET/);
    await expectAccessible(page);
    await makeLines(server, 1);
    await page.getByRole("radio", { name: "info" }).check();
    await expect(page.getByLabel("Return to the old level after 10 minutes")).not.toBeChecked();
    await page.getByRole("button", { name: "Set level" }).click();
    await expect(lines(page)).toContainText("level=info");
    await expect(lines(page).getByText("/api/v2/health")).toHaveCount(0);
});

test("lines wrap or not, are downloaded, and each has an address", async ({ page, emptyServer: server }) => {
    await page.goto(`${server.url}/ui/logs?q=server`);
    await hydrated(page);
    await page.getByRole("link", { name: "Wrap long lines" }).click();
    await expect(page).toHaveURL(/wrap=off/);
    await expect(lines(page)).not.toHaveClass(/wraps/);
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "Download" }).click();
    const stream = await (await download).createReadStream();
    let text = "";
    for await (const chunk of stream) {
        text += String(chunk);
    }
    expect(text).toMatch(/INFO +tidegate::server::run: server is up addr=/);
    await lines(page).getByRole("link").first().click();
    await expect(page).toHaveURL(/#l\d+$/);
});

test("lines go on after the server was restarted, without a secret", async ({ page, emptyServer: server, expectedMessages }) => {
    expectedMessages.push(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/);
    await page.goto(`${server.url}/ui/logs`);
    await hydrated(page);
    await expect(lines(page)).toContainText("server is up");
    await server.interrupt();
    await server.run();
    await until("a line of the new run", async () => {
        await fetch(`${server.url}/api/v2/log`, { method: "POST", body: '{"log_level":"warn"}' });
        await fetch(`${server.url}/api/v2/log`, { method: "POST", body: '{"log_level":"info"}' });
        return (await lines(page).getByText("server is up").count()) > 1;
    });
    expect(await page.content()).not.toContain("cdc-secret");
});
