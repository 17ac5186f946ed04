import { expect, expectAccessible, expectNoSidewaysScroll, freshId, hydrated, open, test } from "../support/test";

const PAGES = [
    "/ui",
    "/ui/changefeeds",
    "/ui/changefeeds/new",
    "/ui/changefeeds/default/ID",
    "/ui/changefeeds/default/ID/config",
    "/ui/changefeeds/default/ID/api",
    "/ui/changefeeds/default/ID/remove",
    "/ui/captures",
    "/ui/logs",
];

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
        for (const path of PAGES) {
            await page.setViewportSize({ width: 1280, height: 800 });
            await open(page, path.replace("ID", id));
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

test("another page cannot write through the browser of a reader", async ({ server, request }) => {
    const answer = await request.post("/ui/fn/set_log_level", {
        headers: { Origin: "http://evil.example", "Sec-Fetch-Site": "cross-site" },
        form: { level: "debug" },
    });
    expect(answer.status()).toBe(403);
    expect(server.logText()).not.toContain("log level set");
});
