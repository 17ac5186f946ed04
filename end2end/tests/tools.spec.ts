import { execFileSync } from "node:child_process";
import type { Page } from "@playwright/test";
import { user } from "../support/tidegate";
import { expect, expectAccessible, expectNoSidewaysScroll, freshId, hydrated, open, test } from "../support/test";

const PASSWORD = "correct horse battery";

/** A changefeed that throws everything away. */
const blackhole = (id: string) => ({
    changefeed_id: id,
    sink_uri: "blackhole://",
    replica_config: { ignore_ineligible_table: true },
});

/** Logs in where the page led. */
async function logIn(page: Page, name: string): Promise<void> {
    await page.getByLabel("User").fill(name);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Log in" }).click();
}

test.describe("in Tokyo", () => {
    test.use({ timezoneId: "Asia/Tokyo" });

    test("zone and theme are in the first byte of the next page", async ({ page, server }) => {
        const id = freshId("zone");
        await server.api("POST", "/changefeeds", blackhole(id));
        await server.untilLive(id);
        const address = `/ui/changefeeds/default/${id}`;
        await open(page, address);
        await expect(page.locator("main time").first()).toContainText("UTC");
        await page.getByRole("button", { name: "Time zone: UTC" }).click();
        await page.getByRole("button", { name: "Local" }).click();
        await hydrated(page);
        await expect(page.getByRole("button", { name: "Time zone: Local" })).toBeVisible();
        expect(page.url()).toContain(address);
        await expect(page.locator("main time").first()).toContainText("JST");
        await page.getByRole("button", { name: "Dark theme" }).click();

        const html = await (await page.request.get(`${server.url}${address}`)).text();
        expect(html).toContain('data-theme="dark"');
        expect(html).toContain('data-zone="Local|0 32400 JST"');
        expect(html).toMatch(/<time[^>]*>[^<]*JST/);

        await open(page, "/ui/settings");
        await page.getByRole("radio", { name: "Another:" }).check();
        await page.getByLabel("Name of the time zone").fill("Mars/Olympus");
        await page.getByRole("button", { name: "Save" }).click();
        await hydrated(page);
        await expect(page.getByText("There is no time zone Mars/Olympus.")).toBeVisible();
        await expectAccessible(page);
        await page.getByLabel("Name of the time zone").fill("Europe/Berlin");
        await page.getByRole("radio", { name: "Another:" }).check();
        await page.getByRole("radio", { name: "In full everywhere" }).check();
        await page.getByRole("button", { name: "Save" }).click();
        await hydrated(page);
        await expect(page.getByRole("button", { name: "Time zone: Europe/Berlin" })).toBeVisible();
        await open(page, "/ui/activity");
        await expect(page.locator("main time").first()).toContainText(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d CES?T/);
    });
});

test("a feed is found, paused and resumed without the pointer", async ({ page, server }) => {
    const id = freshId("keys");
    await server.api("POST", "/changefeeds", blackhole(id));
    await server.untilLive(id);
    await open(page, "/ui");
    await page.keyboard.press("Control+k");
    const box = page.getByRole("combobox", { name: "Command" });
    await expect(box).toBeFocused();
    await box.fill(id);
    const chosen = page.locator("[role=option][aria-selected=true]");
    await expect(chosen).toHaveText(`${id}changefeed`);
    await expectAccessible(page);
    await page.keyboard.press("Enter");
    await expect(page.getByRole("heading", { level: 1, name: id })).toBeVisible();
    await expect(box).toBeHidden();

    await page.keyboard.press("Control+k");
    await box.fill(`resume ${id}`);
    await expect(chosen).toContainText("It is running");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("dialog", { name: "Commands" }).getByRole("alert")).toContainText("It is running");
    await box.fill(`pause ${id}`);
    await expect(chosen).toHaveText(`Pause ${id}action`);
    await page.keyboard.press("Enter");
    await expect(box).toBeHidden();
    await server.untilState(id, "stopped");

    await page.keyboard.press("r");
    await server.untilState(id, "normal");

    await page.keyboard.press("?");
    const help = page.getByRole("dialog", { name: "Shortcuts" });
    await expect(help).toContainText("Next and previous row");
    await expectAccessible(page);
    await page.keyboard.press("Escape");
    await expect(help).toBeHidden();
    await page.keyboard.press("g");
    await page.keyboard.press("c");
    await expect(page.getByRole("heading", { level: 1, name: "Changefeeds" })).toBeVisible();
    await page.keyboard.press("/");
    await page.keyboard.type(id);
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(new RegExp(id));
    await page.locator("h1").focus();
    await page.keyboard.press("j");
    await expect(page.getByRole("link", { name: id }).first()).toBeFocused();
    await page.keyboard.press("p");
    await server.untilState(id, "stopped");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("heading", { level: 1, name: id })).toBeVisible();

    await open(page, "/ui/settings");
    await page.getByRole("group", { name: "Single-key shortcuts" }).getByRole("radio", { name: "Off" }).check();
    await page.getByRole("button", { name: "Save" }).click();
    await hydrated(page);
    await page.keyboard.press("?");
    await page.keyboard.press("Control+k");
    await expect(box).toBeFocused();
    await expect(help).toBeHidden();
});

test("endpoints are tried, and the command shown gives the same answer", async ({ page, server }) => {
    const id = freshId("api");
    const shell = async (): Promise<unknown> => {
        const command = await page.locator("#command").innerText();
        const text = execFileSync("sh", ["-c", `${command} -s`], { env: { ...process.env, TIDEGATE: server.url } });
        return JSON.parse(text.toString());
    };
    const body = page.getByRole("region", { name: "Body of the answer" });
    await open(page, "/ui");
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "API" }).click();
    await page.getByRole("link", { name: "POST /changefeeds", exact: true }).click();
    await expect(page.getByRole("heading", { name: "POST /api/v2/changefeeds", exact: true })).toBeVisible();
    await expectAccessible(page);
    const request = { ...blackhole(id), sink_uri: "blackhole://?it='s" };
    await page.getByRole("textbox", { name: /^Body/ }).fill(JSON.stringify(request));
    await expect(page.locator("#command")).toContainText("it='\\''s");
    await page.getByRole("textbox", { name: /^Body/ }).fill(JSON.stringify(blackhole(id)));
    await page.getByRole("button", { name: "Send", exact: true }).click();
    const question = page.getByRole("dialog", { name: "This changes the server" });
    await expect(question.getByRole("button", { name: "Cancel" })).toBeFocused();
    await page.keyboard.press("Enter");
    await expect(question).toBeHidden();
    await expect(body).toHaveCount(0);
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await question.getByRole("button", { name: "Send POST" }).click();
    await expect(page.getByText(/^200 OK, \d+ ms$/).first()).toBeVisible();
    await expect(body).toContainText(id);
    await expectAccessible(page);

    await page.getByRole("link", { name: "GET /changefeeds/{changefeed_id}", exact: true }).click();
    await expect(body).toHaveCount(0);
    await page.getByRole("textbox", { name: "changefeed_id" }).fill(id);
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await expect(body).toContainText(id);
    const shown = JSON.parse(await body.innerText()) as Record<string, unknown>;
    const same = (await shell()) as Record<string, unknown>;
    expect([same.id, same.sink_uri, same.create_time]).toEqual([id, shown.sink_uri, shown.create_time]);

    await page.getByRole("link", { name: "POST /tso", exact: true }).click();
    await expect(page.getByRole("heading", { name: "POST /api/v2/tso" })).toBeVisible();
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await expect(body).toContainText("timestamp");
    expect(Object.keys((await shell()) as object)).toContain("timestamp");
    await page.setViewportSize({ width: 320, height: 700 });
    await expectNoSidewaysScroll(page);
});

test("a viewer reads everything and changes nothing, and comes back after logging in", async ({ page, startServer, expectedMessages }) => {
    expectedMessages.push(/status of (401|403|404)/, /EventSource/);
    const server = await startServer(user("vera", "viewer", PASSWORD) + user("olga", "operator", PASSWORD));
    await page.goto(`${server.url}/ui/changefeeds?state=failed`);
    await expect(page).toHaveURL(/\/ui\/login\?next=/);
    await expectAccessible(page);
    await logIn(page, "olga");
    await hydrated(page);
    await expect(page).toHaveURL(`${server.url}/ui/changefeeds?state=failed`);
    const created = await page.request.post(`${server.url}/api/v2/changefeeds`, {
        data: blackhole("guarded"),
    });
    expect(created.status()).toBe(200);
    await page.getByRole("button", { name: "Menu of olga (operator)" }).click();
    await page.getByRole("button", { name: "Log out" }).click();

    await page.goto(`${server.url}/ui/changefeeds/default/guarded`);
    await logIn(page, "vera");
    await hydrated(page);
    await expect(page.getByRole("heading", { level: 1, name: "guarded" })).toBeVisible();
    const pause = page.getByRole("button", { name: /^Pause/ });
    await expect(pause).toHaveAttribute("aria-disabled", "true");
    await expect(pause).toHaveAccessibleDescription("It needs the role operator; yours is viewer");
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "Command" }).fill("pause guarded");
    await expect(page.getByRole("option", { name: /^Pause guarded/ })).toContainText("It needs the role operator");
    await page.keyboard.press("Escape");
    for (const [path, form] of [
        ["/api/v2/changefeeds/guarded/pause", undefined],
        ["/ui/fn/pause", { namespace: "default", id: "guarded" }],
    ] as const) {
        const answer = await page.request.post(`${server.url}${path}`, { form });
        expect(answer.status(), path).toBe(403);
    }
    await page.goto(`${server.url}/ui/api?op=delete_api_v2_changefeeds_changefeed_id`);
    await hydrated(page);
    await expect(page.getByRole("button", { name: "Send", exact: true })).toBeDisabled();
    await expect(page.getByText("It needs the role admin; yours is viewer.")).toBeVisible();

    // The sessions end with the process.
    await server.interrupt();
    await server.run();
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Captures" }).click();
    await page.getByRole("link", { name: "Log in and come back" }).click();
    await logIn(page, "vera");
    await hydrated(page);
    await expect(page).toHaveURL(`${server.url}/ui/captures`);
    await expect(page.getByRole("heading", { level: 1, name: "Captures" })).toBeVisible();
});

test("a read-only server says so, and why at each button", async ({ page, startServer, expectedMessages }) => {
    expectedMessages.push(/status of 403/);
    const server = await startServer("read-only = true\n");
    await open(page, `${server.url}/ui`);
    await expect(page.getByText("This server is read-only: it refuses every change.")).toBeVisible();
    await expectAccessible(page);
    await page.goto(`${server.url}/ui/api?op=post_api_v2_changefeeds`);
    await hydrated(page);
    await expect(page.getByRole("button", { name: "Send", exact: true })).toBeDisabled();
    await expect(page.getByText("This server is read-only.")).toBeVisible();
    const refused = await page.request.post(`${server.url}/api/v2/changefeeds`, { data: { sink_uri: "blackhole://" } });
    expect(refused.status()).toBe(403);
    expect(await refused.json()).toMatchObject({ error_code: "CDC:ErrServerReadOnly" });
});

test("settings and the API are read without scripts, in the zone that was chosen", async ({ browser, server }) => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(`${server.url}/ui`);
    await page.getByRole("button", { name: "Time zone: UTC" }).click();
    await page.getByRole("button", { name: "Server" }).click();
    await expect(page.getByRole("button", { name: "Time zone: Server" })).toBeVisible();
    await page.goto(`${server.url}/ui/api?op=get_api_v2_changefeeds_changefeed_id`);
    await page.getByRole("textbox", { name: "changefeed_id" }).fill("a-1");
    await page.getByRole("button", { name: "Show the command" }).click();
    await expect(page.locator("#command")).toContainText("/api/v2/changefeeds/a-1");
    await page.goto(`${server.url}/ui/settings`);
    await expect(page.getByText("Version of the API")).toBeVisible();
    await page.getByRole("link", { name: "list of packages and their licences" }).click();
    await expect(page.locator("body")).toContainText("leptos 0.8.23");
    await context.close();
});
