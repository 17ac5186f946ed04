import { readFileSync } from "node:fs";
import { expect, expectAccessible, expectNoSidewaysScroll, freshId, hydrated, open, test } from "../support/test";
import type { Tidegate } from "../support/tidegate";

async function create(server: Tidegate, id: string, rules = ["shop.orders"]): Promise<void> {
    await server.api("POST", "/changefeeds", {
        changefeed_id: id,
        sink_uri: "blackhole://",
        replica_config: { filter: { rules }, ignore_ineligible_table: true },
    });
}

test("a removed changefeed stays in the activity and is recreated from there", async ({ page, server }) => {
    const id = freshId("again");
    await create(server, id);
    await server.untilLive(id);
    await open(page, `/ui/changefeeds/default/${id}/remove`);
    const remove = page.getByRole("button", { name: "Remove changefeed" });
    await page.getByLabel(/to confirm/).fill("wrong");
    await expect(remove).toHaveAttribute("aria-disabled", "true");
    await page.getByLabel(/to confirm/).fill(id);
    await remove.click();
    await expect(page).toHaveURL(/\/ui\/changefeeds$/);

    await open(page, "/ui/activity?action=remove");
    const row = page.getByRole("row").filter({ hasText: id });
    await expect(row).toContainText("done");
    await expectAccessible(page);
    await row.getByRole("link", { name: /Recreate/ }).click();
    await expect(page.getByText("filled in as it was last")).toBeVisible();
    await expect(page.getByLabel("Changefeed id")).toHaveValue(id);
    await expect(page.getByRole("textbox", { name: "Start TSO" })).not.toHaveValue("");
    await expect(page.getByRole("textbox", { name: /Table rules/ })).toHaveValue("shop.orders");
    await page.getByRole("button", { name: "Create changefeed" }).click();
    await expect(page).toHaveURL(new RegExp(`/default/${id}$`));
    await server.untilState(id, "normal");
});

test("an edit is applied, and the history holds both versions and what differs", async ({ page, server }) => {
    const id = freshId("versions");
    await create(server, id);
    await open(page, `/ui/changefeeds/default/${id}/edit`);
    await page.getByRole("button", { name: "Pause and edit" }).click();
    await page.getByRole("textbox", { name: /Table rules/ }).fill("shop.items");
    await expect(page.getByRole("link", { name: "1 change", exact: true })).toBeVisible();
    await page.getByRole("button", { name: "Apply and resume" }).click();
    await expect(page).toHaveURL(new RegExp(`/default/${id}$`));
    await server.untilState(id, "normal");

    await page.getByRole("link", { name: "Config", exact: true }).click();
    const versions = page.getByRole("table", { name: "Versions of the configuration" });
    await expect(versions.getByRole("row")).toHaveCount(3);
    await versions.getByRole("link", { name: "Changes version 2" }).click();
    const difference = page.getByRole("region", { name: "From version 1 to version 2" });
    await expect(difference.locator("del")).toContainText("shop.orders");
    await expect(difference.locator("ins")).toContainText("shop.items");
    await expectAccessible(page);
    await page.setViewportSize({ width: 320, height: 800 });
    await expectNoSidewaysScroll(page);
    await page.setViewportSize({ width: 1280, height: 800 });

    // Everybody else sees the same by the API.
    const answer = await fetch(`${server.url}/api/tidegate/v1/changefeeds/${id}/history`);
    const kept = (await answer.json()) as { items: { version: number; action: string }[] };
    expect(kept.items.map((item) => [item.version, item.action])).toEqual([[2, "update"], [1, "create"]]);

    await versions.getByRole("link", { name: "Restore version 1" }).click();
    await expect(page.getByText("A changefeed takes changes only while it is paused.")).toBeVisible();
    await page.getByRole("button", { name: "Pause and edit" }).click();
    await expect(page.getByText("Version 1 is filled in.")).toBeVisible();
    await expect(page.getByRole("textbox", { name: /Table rules/ })).toHaveValue("shop.orders");
    await page.getByRole("button", { name: "Apply, stay paused" }).click();
    await expect(page).toHaveURL(new RegExp(`/default/${id}$`));
    await page.getByRole("link", { name: "Config", exact: true }).click();
    await expect(versions.getByRole("row")).toHaveCount(4);
    await server.untilState(id, "stopped");
});

test("views of the configuration stand in the address, and a file says the same", async ({ page, server }) => {
    const id = freshId("views");
    await create(server, id);
    await open(page, `/ui/changefeeds/default/${id}/config`);
    await expect(page.getByText("memory_quota", { exact: true })).toBeVisible();
    await page.getByRole("link", { name: "Only what differs from the defaults" }).click();
    await expect(page.getByText("memory_quota", { exact: true })).toHaveCount(0);
    await page.getByRole("link", { name: "TOML", exact: true }).click();
    await expect(page).toHaveURL(/view=toml&only=set/);
    const shown = await page.getByRole("region", { name: "configuration as TOML" }).textContent();
    expect(shown).toContain("ignore-ineligible-table = true");
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "Download as TOML" }).click();
    const file = await download;
    expect(file.suggestedFilename()).toBe(`${id}.toml`);
    expect(readFileSync(await file.path(), "utf8").trim()).toBe((shown ?? "").trim());
});

test("leaving an edit asks, and the draft is there again after a restart of the server", async ({ page, emptyServer, expectedMessages }) => {
    expectedMessages.push(/ERR_/);
    const id = freshId("draft");
    await create(emptyServer, id);
    await emptyServer.api("POST", `/changefeeds/${id}/pause`);
    await emptyServer.untilState(id, "stopped");
    const address = `${emptyServer.url}/ui/changefeeds/default/${id}/edit`;
    await page.goto(address);
    await hydrated(page);
    await page.getByRole("textbox", { name: /Table rules/ }).fill("shop.items");
    await expect(page.getByText("Draft saved")).toBeVisible();
    let question = "";
    page.once("dialog", (dialog) => {
        question = dialog.message();
        return dialog.dismiss();
    });
    await page.getByRole("link", { name: "Cancel" }).click();
    expect(question).toContain("Leave without applying");
    await expect(page).toHaveURL(address);
    page.once("dialog", (dialog) => dialog.accept());
    await page.getByRole("link", { name: "Cancel" }).click();
    await expect(page).toHaveURL(new RegExp(`/default/${id}$`));

    await emptyServer.interrupt();
    await emptyServer.run();
    await page.goto(address);
    await hydrated(page);
    await page.getByText("You have 1 draft that you did not finish").click();
    await page.getByRole("link", { name: /Continue/ }).click();
    await hydrated(page);
    await expect(page.getByRole("textbox", { name: /Table rules/ })).toHaveValue("shop.items");
    await page.getByRole("button", { name: "Apply, stay paused" }).click();
    await expect(page).toHaveURL(new RegExp(`/default/${id}$`));
    // What was applied is no draft any more.
    await page.goto(address);
    await expect(page.getByText("that you did not finish")).toHaveCount(0);
});

test("a changefeed goes on from another point, and the activity says so", async ({ page, server, expectedMessages }) => {
    expectedMessages.push(/status of 400/);
    const id = freshId("point");
    await create(server, id);
    await server.api("POST", `/changefeeds/${id}/pause`);
    await server.untilState(id, "stopped");
    const tso = (await (await fetch(`${server.url}/api/v2/changefeeds/${id}`)).text()).match(/"checkpoint_ts":(\d+)/)?.[1] ?? "";
    await open(page, `/ui/changefeeds/default/${id}/edit`);
    await page.getByText("Resume from another point").click();
    await expect(page.getByText("Changes may be lost or repeated.")).toBeVisible();
    await page.getByRole("textbox", { name: "Resume TSO" }).fill("soon");
    await page.getByRole("button", { name: "Apply and resume from this point" }).click();
    await expect(page.getByText("Enter a TSO: a whole number").first()).toBeVisible();
    await page.getByRole("textbox", { name: "Resume TSO" }).fill(tso);
    await page.getByRole("button", { name: "Apply and resume from this point" }).click();
    await expect(page).toHaveURL(new RegExp(`/default/${id}$`));
    await server.untilState(id, "normal");
    await page.getByRole("link", { name: "Activity", exact: true }).last().click();
    const row = page.getByRole("row").filter({ hasText: "update" }).first();
    await row.getByText(/change/).click();
    await expect(row).toContainText(`/checkpoint_ts: null → ${tso}`);
});

test("the activity is filtered by its address and downloaded as lines", async ({ page, server }) => {
    const id = freshId("told");
    await create(server, id);
    await server.api("POST", `/changefeeds/${id}/pause`);
    await open(page, `/ui/changefeeds/default/${id}/activity`);
    const rows = page.getByRole("table", { name: "Activity" }).getByRole("row");
    await expect(rows).toHaveCount(3);
    await page.getByRole("combobox", { name: "Action" }).selectOption("pause");
    await page.getByRole("button", { name: "Filter" }).click();
    await expect(page).toHaveURL(/action=pause/);
    await expect(rows).toHaveCount(2);
    await hydrated(page);
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "Download" }).click();
    const lines = readFileSync(await (await download).path(), "utf8").trim().split("\n");
    expect(lines.map((line) => JSON.parse(line).action)).toEqual(["pause"]);
    await page.goto(`/ui/changefeeds/default/${id}/activity?since=yesterday`);
    await expect(page.getByText("invalid since")).toBeVisible();
});

test("what fails by itself is told as the engine's", async ({ page, server }) => {
    const id = freshId("ends");
    const tso = (await (await fetch(`${server.url}/api/v2/tso`, { method: "POST", body: "{}" })).json()) as { timestamp: number };
    const target = (BigInt(tso.timestamp) + 2_000n) << 18n;
    const body = `{"changefeed_id":"${id}","sink_uri":"blackhole://","target_ts":${target},"replica_config":{"ignore_ineligible_table":true}}`;
    const made = await fetch(`${server.url}/api/v2/changefeeds`, { method: "POST", body });
    expect(made.ok).toBe(true);
    await server.untilState(id, "finished");
    await expect(async () => {
        await page.goto(`/ui/changefeeds/default/${id}/activity`);
        await expect(page.getByRole("row").filter({ hasText: "finished" }).first()).toContainText("engine", { timeout: 1_000 });
    }).toPass({ timeout: 30_000 });
});

test("the owner is named, resigning asks, and draining the only capture is refused with the reason", async ({ page, server }) => {
    await open(page, "/ui/captures");
    await page.getByRole("row").last().getByRole("link").click();
    await expect(page.getByText("owner", { exact: true })).toBeVisible();
    await page.getByRole("link", { name: "Resign owner" }).click();
    await expect(page.getByRole("heading", { name: "Resign owner?" })).toBeVisible();
    await expectAccessible(page);
    await page.getByRole("button", { name: "Resign owner" }).click();
    await expect(page.getByText("It has resigned.")).toBeVisible();

    const address = new URL(page.url()).pathname;
    await open(page, `${address}?confirm=drain`);
    await expect(page.getByText("it is the only capture")).toBeVisible();
    await expect(page.getByRole("button", { name: "Drain this capture" })).toHaveAttribute("aria-disabled", "true");
    const id = address.split("/").pop();
    const refused = await fetch(`${server.url}/ui/fn/drain`, {
        method: "POST",
        headers: { "Content-Type": "application/x-www-form-urlencoded" },
        body: `id=${id}`,
    });
    expect(await refused.text()).toContain("only one capture alive");
});

test.describe("without scripts", () => {
    test.use({ javaScriptEnabled: false });

    test("history, activity and captures work without scripts", async ({ page, server }) => {
        const id = freshId("still");
        await create(server, id);
        await page.goto(`/ui/changefeeds/default/${id}/config`);
        await page.getByRole("link", { name: "JSON", exact: true }).click();
        await expect(page.getByRole("region", { name: "configuration as JSON" })).toContainText("memory_quota");
        await page.goto("/ui/activity");
        await page.getByRole("combobox", { name: "Action" }).selectOption("create");
        await page.getByRole("button", { name: "Filter" }).click();
        await expect(page.getByRole("row").filter({ hasText: id })).toHaveCount(1);
        await page.goto("/ui/captures");
        await page.getByRole("row").last().getByRole("link").click();
        await page.getByRole("link", { name: "Drain" }).click();
        await page.getByRole("button", { name: "Drain this capture" }).click({ force: true });
        await expect(page.getByText("only one capture alive")).toBeVisible();
    });
});
