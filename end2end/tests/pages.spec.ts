import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, expectAccessible, expectNoSidewaysScroll, freshId, hydrated, open, test } from "../support/test";

const PAGES = [
    "/ui",
    "/ui/changefeeds",
    "/ui/changefeeds/new",
    "/ui/changefeeds/default/ID",
    "/ui/changefeeds/default/ID/config",
    "/ui/changefeeds/default/ID/config?view=json&only=set",
    "/ui/changefeeds/default/ID/activity",
    "/ui/changefeeds/default/ID/api",
    "/ui/changefeeds/default/ID/remove",
    "/ui/playground/filter?rules=shop.*%0A!shop.tmp_*%0Anone.*&name=shop.orders",
    "/ui/playground/filter?rules=shop.[",
    "/ui/playground/expression?table=shop.orders&f0.matcher=shop.*&f0.insert=id>1&r0.op=update&ddl=DROP TABLE shop.items",
    "/ui/captures",
    "/ui/processors",
    "/ui/activity",
    "/ui/logs",
    "/ui/api?op=post_api_v2_changefeeds",
    "/ui/settings",
];
/** Pages without scripts. */
const STILL_PAGES = ["/ui/login", "/swagger"];

for (const colorScheme of ["light", "dark"] as const) {
    test(`every page is accessible and fits 320 px, ${colorScheme}`, async ({ page, server }) => {
        test.setTimeout(180_000);
        const id = freshId("a-changefeed-with-a-name-as-long-as-people-sometimes-choose-them");
        await server.api("POST", "/changefeeds", {
            changefeed_id: id,
            sink_uri: "blackhole://",
            replica_config: { ignore_ineligible_table: true },
        });
        await page.emulateMedia({ colorScheme });
        for (const path of [...PAGES, ...STILL_PAGES]) {
            await page.setViewportSize({ width: 1280, height: 800 });
            if (STILL_PAGES.includes(path)) await page.goto(path);
            else await open(page, path.replace("ID", id));
            await expect(page.getByRole("heading", { level: 1 })).toHaveCount(1);
            await expectAccessible(page);
            await expectNoSidewaysScroll(page);
            await page.setViewportSize({ width: 320, height: 700 });
            await expectNoSidewaysScroll(page);
            await expectAccessible(page);
        }
    });
}

test("the theme is in the first byte of HTML after it was chosen", async ({ page }) => {
    await page.emulateMedia({ colorScheme: "light" });
    await open(page, "/ui");
    await page.getByRole("button", { name: "Dark theme" }).click();
    await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
    await expect(page.getByRole("button", { name: "Dark theme" })).toHaveAttribute("aria-pressed", "true");
    const answer = await page.reload();
    expect(await answer?.text()).toContain('data-theme="dark"');
    await hydrated(page);
    await expect(page.locator("body")).toHaveCSS("background-color", "rgb(15, 20, 27)");
    await page.getByRole("button", { name: "System theme" }).click();
    await expect(page.locator("body")).toHaveCSS("background-color", "rgb(255, 255, 255)");
});

test("a page that does not exist answers 404 within the frame", async ({ page, expectedMessages }) => {
    expectedMessages.push(/status of 404/);
    const answer = await page.goto("/ui/no/such/page");
    expect(answer?.status()).toBe(404);
    await hydrated(page);
    await expect(page.getByRole("heading", { name: "Page not found" })).toBeVisible();
    await expectAccessible(page);
    await page.getByRole("main").getByRole("link", { name: "Changefeeds" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Changefeeds" })).toBeVisible();
});

test("a changefeed that does not exist is a 404 that says so", async ({ page, expectedMessages }) => {
    expectedMessages.push(/status of 404/);
    const answer = await page.goto("/ui/changefeeds/default/nobody");
    expect(answer?.status()).toBe(404);
    await hydrated(page);
    await expect(page.getByRole("alert")).toContainText("CDC:ErrChangeFeedNotExists");
    await expect(page.getByRole("link", { name: "All changefeeds" })).toBeVisible();
});

test("the log level is changed and stays", async ({ page, emptyServer }) => {
    await page.goto(`${emptyServer.url}/ui/logs`);
    await hydrated(page);
    await expect(page.getByRole("radio", { name: "info" })).toBeChecked();
    await page.getByRole("radio", { name: "warn" }).check();
    await page.getByRole("button", { name: "Set level" }).click();
    await expect(page.getByText("The level is set.")).toBeVisible();
    await page.reload();
    await expect(page.getByRole("radio", { name: "warn" })).toBeChecked();
});

test("the keyboard reaches the content past the navigation", async ({ page }) => {
    await open(page, "/ui/captures");
    await page.keyboard.press("Tab");
    await expect(page.getByRole("link", { name: "Skip to content" })).toBeFocused();
    await page.keyboard.press("Enter");
    await expect(page.getByRole("main")).toBeFocused();
    await expect(page.getByText("owner", { exact: true })).toBeVisible();
});

test("another page cannot write through the browser of a reader", async ({ emptyServer, request }) => {
    const answer = await request.post(`${emptyServer.url}/ui/fn/set_log_level`, {
        headers: { Origin: "http://evil.example", "Sec-Fetch-Site": "cross-site" },
        form: { level: "debug" },
    });
    expect(answer.status()).toBe(403);
    expect(emptyServer.logText()).not.toContain("log level set");
});

test("a page that could not be made is asked for again", async ({ page, expectedMessages }) => {
    expectedMessages.push(/status of 500/);
    await open(page, "/ui");
    await page.route("**/ui/fn/captures*", (route) => route.fulfill({ status: 500, body: "broken" }));
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Captures" }).click();
    await expect(page.getByRole("alert")).toBeVisible();
    await page.unroute("**/ui/fn/captures*");
    await page.getByRole("link", { name: "Try again" }).click();
    await expect(page.getByText("owner", { exact: true })).toBeVisible();
    await expect(page.getByRole("alert")).toHaveCount(0);
});

test("copying says so when it worked, and only then", async ({ page, context }) => {
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await open(page, "/ui/captures");
    await page.getByRole("row").last().getByRole("link").click();
    const copied = page.getByRole("status").filter({ hasText: "Copied" });
    const button = page.getByRole("button", { name: "Copy capture id" });
    await button.click();
    await expect(copied).toHaveCount(1);
    const id = new URL(page.url()).pathname.split("/").pop();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(id);

    await page.evaluate(() => {
        navigator.clipboard.writeText = () => Promise.reject(new Error("forbidden"));
    });
    await expect(copied).toHaveCount(0);
    await button.click();
    await page.getByRole("heading", { level: 1 }).click();
    await expect(copied).toHaveCount(0);
});

test("a browser without a clipboard offers no copying", async ({ page }) => {
    // As on a page from another machine over plain HTTP.
    await page.addInitScript(() => Object.defineProperty(Navigator.prototype, "clipboard", { get: () => undefined }));
    await open(page, "/ui/captures");
    await page.getByRole("row").last().getByRole("link").click();
    await expect(page.getByRole("link", { name: "Resign owner" })).toBeVisible();
    await expect(page.getByRole("button", { name: "Copy capture id" })).toHaveCount(0);
});

test("the command for the log level works on this server", async ({ page, emptyServer }) => {
    await page.goto(`${emptyServer.url}/ui/logs`);
    await hydrated(page);
    await page.getByText("From a shell").click();
    const command = (await page.getByRole("region", { name: "curl command" }).textContent()) ?? "";
    const run = promisify(execFile);
    await run("sh", ["-c", `${command.trim()} --fail --silent`], { env: { ...process.env, TIDEGATE: emptyServer.url } });
    await page.reload();
    await expect(page.getByRole("radio", { name: "debug" })).toBeChecked();
});

test("a capture says how it is", async ({ page }) => {
    await open(page, "/ui/captures");
    const row = page.getByRole("row").last();
    await expect(row).toContainText("alive");
    await expect(row).toContainText("owner");
    await expect(row).toContainText(/\d (ms|s)|\d m/);
});

test("processors are those of the running changefeeds", async ({ page, server }) => {
    const id = freshId("running");
    await server.api("POST", "/changefeeds", {
        changefeed_id: id,
        sink_uri: "blackhole://",
        replica_config: { filter: { rules: ["shop.orders"] } },
    });
    await server.untilLive(id);
    await open(page, "/ui/processors");
    const row = page.getByRole("row").filter({ hasText: id });
    await expect(row.getByRole("cell")).toHaveText("1");
    await row.getByRole("link", { name: id }).click();
    await page.getByRole("button", { name: "Pause" }).click();
    await server.untilState(id, "stopped");
    await open(page, "/ui/processors");
    await expect(page.getByRole("row").filter({ hasText: id })).toHaveCount(0);
});
