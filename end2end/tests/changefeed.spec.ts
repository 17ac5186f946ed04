import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Tidegate } from "../support/tidegate";
import { downstreamUri, expect, freshId, hydrated, open, test, upstream } from "../support/test";

async function create(server: Tidegate, id: string, sinkUri = "blackhole://", rules = ["*.*"]): Promise<void> {
    await server.api("POST", "/changefeeds", {
        changefeed_id: id,
        sink_uri: sinkUri,
        replica_config: { ignore_ineligible_table: true, filter: { rules } },
    });
}

test("pause, resume and remove, with the reason of every button that is off", async ({ page, server }) => {
    const id = freshId("cycle");
    await create(server, id);
    await open(page, `/ui/changefeeds/default/${id}`);
    const actions = page.getByRole("group", { name: "Actions" });
    const [pause, resume] = [actions.getByRole("button", { name: "Pause" }), actions.getByRole("button", { name: "Resume" })];
    await expect(resume).toHaveAccessibleDescription("It is running");

    await pause.click();
    await expect(page.getByText("Paused. The checkpoint stays where it is until you resume.")).toBeVisible();
    await expect(pause).toHaveAccessibleDescription("It is already paused");
    await server.untilState(id, "stopped");

    await resume.click();
    await expect(page.getByText("Keeping up")).toBeVisible();
    await server.untilState(id, "normal");

    await actions.getByRole("link", { name: "Remove" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Remove changefeed" })).toBeFocused();
    const remove = page.getByRole("button", { name: "Remove changefeed" });
    await expect(remove).toHaveAttribute("aria-disabled", "true");
    await page.getByLabel(`Type ${id} to confirm`).fill("something else");
    await remove.click({ force: true });
    await server.untilState(id, "normal");
    await page.getByLabel(`Type ${id} to confirm`).fill(id);
    await expect(remove).not.toHaveAttribute("aria-disabled", "true");
    await remove.click();
    await expect(page).toHaveURL(`${server.url}/ui/changefeeds`);
    await expect(page.getByRole("heading", { level: 1, name: "Changefeeds" })).toBeVisible();
    // The list is there before its lack of the changefeed means anything.
    const list = page.getByRole("table", { name: "Changefeeds" }).or(page.getByRole("heading", { name: "No changefeeds yet" }));
    await expect(list).toBeVisible();
    await expect(page.getByRole("link", { name: id })).toHaveCount(0);
    await expect(server.api("GET", `/changefeeds/${id}`)).rejects.toThrow("CDC:ErrChangeFeedNotExists");
});

test("an error of one action goes when the other one succeeds", async ({ page, server, expectedMessages }) => {
    expectedMessages.push(/status of 500/);
    const id = freshId("errors");
    await create(server, id);
    await open(page, `/ui/changefeeds/default/${id}`);
    const actions = page.getByRole("group", { name: "Actions" });
    const refusal = { code: "CDC:ErrMetaStore", message: "the disk is full", remedy: "", fields: [] };
    await page.route("**/ui/fn/pause*", (route) => route.fulfill({ status: 500, body: JSON.stringify(refusal) }));
    await actions.getByRole("button", { name: "Pause" }).click();
    const alert = page.getByRole("alert").filter({ hasText: "the disk is full" });
    await expect(alert).toBeVisible();
    await server.api("POST", `/changefeeds/${id}/pause`);
    await expect(page.getByText("Paused.")).toBeVisible();
    await actions.getByRole("button", { name: "Resume" }).click();
    await server.untilState(id, "normal");
    await expect(alert).toHaveCount(0);
});

test("a change of state is announced, a change of numbers is not", async ({ page, server }) => {
    const id = freshId("spoken");
    await create(server, id);
    await server.untilLive(id);
    await open(page, "/ui/changefeeds");
    await expect(page.getByText("Live", { exact: true })).toBeVisible();
    const spoken = page.getByRole("status").filter({ hasText: id });
    await expect(spoken).toHaveCount(0);
    await server.api("POST", `/changefeeds/${id}/pause`);
    await expect(spoken).toContainText(`${id} is stopped`);
});

test("a long list comes in pages of fifty", async ({ page, emptyServer }) => {
    test.setTimeout(120_000);
    for (let n = 0; n < 55; n += 1) {
        await create(emptyServer, `feed-${n}`, "blackhole://", ["shop.items"]);
    }
    const answer = await page.goto(`${emptyServer.url}/ui/changefeeds`);
    const rows = page.getByRole("rowheader");
    // What the server sends, before scripts have a say.
    const html = (await answer?.text()) ?? "";
    expect(html.match(/<th scope="row"/g)).toHaveLength(50);
    expect(html.length).toBeLessThan(180_000);
    await hydrated(page);
    await expect(rows).toHaveCount(50);
    const pages = page.getByRole("navigation", { name: "Pages" });
    await expect(pages).toContainText("Page 1 of 2");
    await expect(page.getByText("55 of 55 changefeeds")).toBeVisible();
    await pages.getByRole("link", { name: "Next" }).click();
    await expect(page).toHaveURL(/\?page=2$/);
    await expect(rows).toHaveCount(5);
    await page.reload();
    await hydrated(page);
    await expect(rows).toHaveCount(5);
    await page.getByRole("searchbox").fill("feed-54");
    await page.getByRole("button", { name: "Search" }).click();
    await expect(rows).toHaveCount(1);
    await expect(pages).toHaveCount(0);
});

test("the state follows what others do, without a reload", async ({ page, server }) => {
    const id = freshId("live");
    await create(server, id);
    await open(page, `/ui/changefeeds?q=${id}`);
    const row = page.getByRole("row").filter({ hasText: id });
    await expect(row).toContainText("normal");
    await server.api("POST", `/changefeeds/${id}/pause`);
    await expect(row).toContainText("stopped");
});

test("states and text in the address filter the list, and back restores it", async ({ page, server }) => {
    const [one, two] = [freshId("alpha"), freshId("beta")];
    await create(server, one);
    await create(server, two);
    await server.api("POST", `/changefeeds/${two}/pause`);
    await open(page, "/ui/changefeeds");
    await page.getByRole("searchbox").fill(one);
    await page.getByRole("button", { name: "Search" }).click();
    await expect(page).toHaveURL(new RegExp(`q=${one}`));
    await expect(page.getByRole("link", { name: two })).toHaveCount(0);
    await page.goBack();
    await expect(page.getByRole("link", { name: two })).toBeVisible();
    await page.getByRole("list", { name: "Filter by state" }).getByRole("link", { name: /stopped/ }).click();
    await expect(page).toHaveURL(/state=stopped/);
    await expect(page.getByRole("link", { name: one })).toHaveCount(0);
    await page.reload();
    await hydrated(page);
    await expect(page.getByRole("link", { name: two })).toBeVisible();
    await expect(page.getByRole("link", { name: one })).toHaveCount(0);
});

test("a failing destination shows reason and remedy, and no secret", async ({ page, server }) => {
    const id = freshId("broken");
    const schema = id.replaceAll("-", "_");
    await upstream(`CREATE DATABASE ${schema}; CREATE TABLE ${schema}.t (id INT PRIMARY KEY)`);
    // The downstream has no such table: the changefeed starts behind its creation.
    try {
        await create(server, id, downstreamUri(), [`${schema}.*`]);
        await upstream(`INSERT INTO ${schema}.t VALUES (1)`);
        await open(page, `/ui/changefeeds/default/${id}`);
        const error = page.getByRole("region", { name: "Error" });
        await expect(error).toContainText("CDC:Err");
        await expect(error).toContainText("What to do:");
        await expect(error).toContainText(schema);
        await page.reload();
        await hydrated(page);
        await expect(error).toContainText("What to do:");
        expect(await page.content()).not.toContain("cdc-secret");
        await expect(page.getByText("mysql://cdc:xxxxx@")).toBeVisible();
    } finally {
        // Other tests look at all tables of the upstream.
        await server.api("DELETE", `/changefeeds/${id}`);
        await upstream(`DROP DATABASE ${schema}`);
    }
});

test("a server that restarts is noticed, and values move again without a reload", async ({ page, emptyServer, expectedMessages }) => {
    expectedMessages.push(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET/);
    const id = freshId("restart");
    await create(emptyServer, id);
    await page.goto(`${emptyServer.url}/ui/changefeeds/default/${id}`);
    await hydrated(page);
    await expect(page.getByText("Live", { exact: true })).toBeVisible();
    await page.evaluate(() => document.documentElement.setAttribute("data-same-page", ""));
    await emptyServer.interrupt();
    await expect(page.getByText(/^Disconnected, values .* old$/)).toBeVisible();
    await emptyServer.run();
    await expect(page.getByText("Live", { exact: true })).toBeVisible({ timeout: 30_000 });
    await expect(page.getByText("Keeping up")).toBeVisible();
    await expect(page.locator("html")).toHaveAttribute("data-same-page", "");
});

test("the API tab shows each action as a command that works", async ({ page, server }) => {
    const id = freshId("curl");
    await create(server, id);
    await open(page, `/ui/changefeeds/default/${id}`);
    await page.locator("main").getByRole("link", { name: "API" }).click();
    await expect(page).toHaveURL(/\/api$/);
    const command = await page.getByRole("region", { name: "command: Pause" }).textContent();
    const run = promisify(execFile);
    await run("sh", ["-c", `${(command ?? "").trim()} --fail --silent`], { env: { ...process.env, TIDEGATE: server.url } });
    await server.untilState(id, "stopped");
});
