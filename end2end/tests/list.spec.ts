import { readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { expect, expectAccessible, expectNoSidewaysScroll, hydrated, test } from "../support/test";
import type { Tidegate } from "../support/tidegate";

async function create(server: Tidegate, id: string, sinkUri = "blackhole://"): Promise<void> {
    await server.api("POST", "/changefeeds", {
        changefeed_id: id,
        sink_uri: sinkUri,
        replica_config: { filter: { rules: ["shop.items"] } },
    });
    await server.untilLive(id);
}

const rows = (page: Page) => page.getByRole("rowheader");
const bulk = (page: Page) => page.getByRole("form", { name: "Selected changefeeds" });

async function go(page: Page, server: Tidegate, path: string): Promise<void> {
    await page.goto(`${server.url}${path}`);
    await hydrated(page);
}

test("search, state, kind of sink, order and columns are the address", async ({ page, emptyServer, browser }) => {
    for (const id of ["alpha", "beta", "gamma"]) await create(emptyServer, id);
    await create(emptyServer, "disk", `file://${emptyServer.dir}/out?protocol=csv`);
    await emptyServer.api("POST", "/changefeeds/beta/pause");
    await go(page, emptyServer, "/ui/changefeeds");
    await expect(rows(page)).toHaveCount(4);
    await page.getByRole("columnheader", { name: "Changefeed" }).getByRole("link").click();
    await expect(page).toHaveURL(/sort=id/);
    await expect(rows(page)).toHaveText(["alpha", "beta", "disk", "gamma"]);
    await expect(page.getByRole("columnheader", { name: "Changefeed" })).toHaveAttribute("aria-sort", "ascending");
    await page.getByLabel("Kind of sink").selectOption("blackhole");
    await expect(rows(page)).toHaveText(["alpha", "beta", "gamma"]);
    await page.getByRole("list", { name: "Filter by state" }).getByRole("link", { name: "normal" }).click();
    await expect(rows(page)).toHaveText(["alpha", "gamma"]);
    await page.getByRole("searchbox").fill("alp");
    await page.getByRole("button", { name: "Search" }).click();
    await expect(rows(page)).toHaveText(["alpha"]);
    await page.goBack();
    await expect(rows(page)).toHaveText(["alpha", "gamma"]);
    await page.reload();
    await hydrated(page);
    await expect(rows(page)).toHaveText(["alpha", "gamma"]);

    await page.getByText("Columns", { exact: true }).click();
    await page.getByRole("checkbox", { name: "Sink" }).uncheck();
    await page.getByRole("button", { name: "Show these columns" }).click();
    await hydrated(page);
    await expect(page.getByRole("columnheader", { name: "Sink" })).toHaveCount(0);
    await expect(page.getByRole("columnheader", { name: "Tables" })).toBeVisible();
    const shared = page.url();
    const other = await browser.newPage();
    await other.goto(shared);
    await hydrated(other);
    await expect(rows(other)).toHaveText(["alpha", "gamma"]);
    await expect(other.getByRole("columnheader", { name: "Sink" })).toHaveCount(0);
    await other.close();
    // This browser remembers the columns, also where the address says nothing.
    await go(page, emptyServer, "/ui/changefeeds");
    await expect(page.getByRole("columnheader", { name: "Sink" })).toHaveCount(0);

    await go(page, emptyServer, "/ui/changefeeds?lag_gt=86400");
    await expect(page.getByRole("heading", { name: "No changefeed matches" })).toBeVisible();
    await page.getByRole("link", { name: "Clear filters" }).first().click();
    await expect(rows(page)).toHaveCount(4);
});

test("rows stay where they are until they are sorted again", async ({ page, emptyServer }) => {
    for (const id of ["one", "two", "three"]) await create(emptyServer, id);
    await go(page, emptyServer, "/ui/changefeeds");
    const before = await rows(page).allTextContents();
    const first = before[0] ?? "";
    await emptyServer.api("POST", `/changefeeds/${first}/pause`);
    const again = page.getByRole("button", { name: "Re-sort (3 rows moved)" });
    await expect(again).toBeVisible();
    await expect(rows(page)).toHaveText(before);
    await again.click();
    await expect(rows(page).last()).toHaveText(first);
    await expect(again).toHaveCount(0);
});

test("twelve of thirty are paused and resumed, and the others explained", async ({ page, emptyServer }) => {
    test.setTimeout(120_000);
    for (let n = 10; n < 40; n += 1) await create(emptyServer, `feed-${n}`);
    await Promise.all([10, 11, 12].map((n) => emptyServer.api("POST", `/changefeeds/feed-${n}/pause`)));
    await go(page, emptyServer, "/ui/changefeeds?sort=id");
    for (let n = 10; n < 22; n += 1) await page.getByRole("checkbox", { name: `Select feed-${n}` }).check();
    await expect(page.getByText("12 selected")).toBeVisible();
    await bulk(page).getByRole("button", { name: "Pause" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Pause 9 changefeeds" })).toBeVisible();
    await hydrated(page);
    await expectAccessible(page);
    await expect(page.getByRole("list", { name: "Touched" }).getByRole("listitem")).toHaveCount(9);
    await expect(page.getByRole("list", { name: "Left out" })).toContainText("feed-11: It is already paused");
    await page.getByRole("button", { name: "Pause 9 changefeeds" }).click();
    await expect(page.getByRole("status").filter({ hasText: "9 done, 0 skipped, 0 failed" })).toBeVisible();
    await hydrated(page);
    await expectAccessible(page);
    await emptyServer.untilState("feed-21", "stopped");
    await emptyServer.untilState("feed-22", "normal");
    await page.getByRole("button", { name: "Resume the 9 that were paused" }).click();
    await expect(page.getByRole("status").filter({ hasText: "9 done, 0 skipped, 0 failed" })).toBeVisible();
    await emptyServer.untilState("feed-21", "normal");
    await emptyServer.untilState("feed-10", "stopped");
    // Each is told on its own.
    const answer = await fetch(`${emptyServer.url}/api/tidegate/v1/activity?changefeed_id=feed-21`);
    const told = ((await answer.json()) as { items: { action: string; result: string }[] }).items;
    expect(told.map((entry) => `${entry.action} ${entry.result}`)).toEqual(["resume done", "pause done", "create done"]);
});

test("several are removed after their configs were downloaded and their number was typed", async ({ page, emptyServer, expectedMessages }) => {
    expectedMessages.push(/400 \(Bad Request\)/);
    for (const id of ["one", "two", "stays"]) await create(emptyServer, id);
    await go(page, emptyServer, "/ui/changefeeds?q=o");
    await bulk(page).getByLabel("Which changefeeds").selectOption("matching");
    await bulk(page).getByRole("button", { name: "Remove" }).click();
    await expect(page.getByRole("list", { name: "Touched" })).toContainText("one");
    await hydrated(page);
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "JSON" }).click();
    const bodies = JSON.parse(readFileSync(await (await download).path(), "utf8")) as { changefeed_id: string }[];
    // The kind of sink holds the text, too.
    expect(bodies.map((body) => body.changefeed_id).sort()).toEqual(["one", "stays", "two"]);
    const typed = page.getByLabel("Type remove 3 to confirm");
    await typed.evaluate((field) => field.removeAttribute("pattern"));
    await typed.fill("remove 2");
    await page.getByRole("button", { name: "Remove 3 changefeeds" }).click();
    await expect(page.getByRole("alert")).toContainText("nothing was removed");
    await emptyServer.untilState("one", "normal");
    await page.getByLabel("Type remove 3 to confirm").fill("remove 3");
    await page.getByRole("button", { name: "Remove 3 changefeeds" }).click();
    await expect(page.getByRole("status").filter({ hasText: "3 done, 0 skipped, 0 failed" })).toBeVisible();
    await page.getByRole("main").getByRole("link", { name: "Back to the list" }).click();
    await expect(page.getByRole("heading", { name: "No changefeeds yet" })).toBeVisible();
    // What was downloaded makes them again.
    await emptyServer.api("POST", "/changefeeds", bodies[0]);
});

test("pause and the way back, by keyboard only", async ({ page, emptyServer }) => {
    await create(emptyServer, "keys");
    await go(page, emptyServer, "/ui/changefeeds");
    await page.getByRole("button", { name: "Actions for keys" }).focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Tab");
    await expect(page.getByRole("button", { name: "Pause" }).last()).toBeFocused();
    await page.keyboard.press("Enter");
    await expect(page.getByRole("status").getByText("Paused keys.")).toBeVisible();
    await emptyServer.untilState("keys", "stopped");
    await page.keyboard.press("Tab");
    await expect(page.getByRole("button", { name: "Resume keys" })).toBeFocused();
    await expectAccessible(page);
    await page.setViewportSize({ width: 320, height: 700 });
    await expectNoSidewaysScroll(page);
    await page.keyboard.press("Enter");
    await emptyServer.untilState("keys", "normal");
    await expect(page.getByText("Paused keys.")).toHaveCount(0);
});

test("figures are exported as they are shown", async ({ page, emptyServer }) => {
    await create(emptyServer, "a-feed");
    await go(page, emptyServer, "/ui/changefeeds?cols=sink");
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Export csv" }).click();
    const text = readFileSync(await (await download).path(), "utf8");
    expect(text).toMatch(/^namespace,id,state,lag_ms,sink\r\ndefault,a-feed,normal,\d+,blackhole:\/\/\r\n$/);
});

test.describe("without scripts", () => {
    test.use({ javaScriptEnabled: false });

    test("a page of changefeeds is paused, and columns are chosen", async ({ page, emptyServer, expectedMessages }) => {
        expectedMessages.push(/preloaded using link preload but not used/);
        for (const id of ["one", "two"]) await create(emptyServer, id);
        await page.goto(`${emptyServer.url}/ui/changefeeds`);
        await page.getByRole("checkbox", { name: "Select two" }).check();
        await bulk(page).getByRole("button", { name: "Pause" }).click();
        await page.getByRole("button", { name: "Pause 1 changefeed" }).click();
        await expect(page.getByText("1 done, 0 skipped, 0 failed").first()).toBeVisible();
        await emptyServer.untilState("two", "stopped");
        await emptyServer.untilState("one", "normal");
        await page.goto(`${emptyServer.url}/ui/changefeeds`);
        await page.getByText("Columns", { exact: true }).click();
        await page.getByRole("checkbox", { name: "Tables" }).uncheck();
        await page.getByRole("button", { name: "Show these columns" }).click();
        await expect(page.getByRole("columnheader", { name: "Tables" })).toHaveCount(0);
        await page.getByLabel("Lag").selectOption("86400");
        await page.getByRole("button", { name: "Search" }).click();
        await expect(page.getByRole("heading", { name: "No changefeed matches" })).toBeVisible();
    });
});
