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
    await expect(page.getByRole("link", { name: id })).toHaveCount(0);
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
    await upstream(`DROP DATABASE ${schema}`);
    await server.api("DELETE", `/changefeeds/${id}`);
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
    await page.getByRole("link", { name: "API" }).click();
    await expect(page).toHaveURL(/\/api$/);
    const command = await page.getByRole("region", { name: "command: Pause" }).textContent();
    const run = promisify(execFile);
    await run("sh", ["-c", `${(command ?? "").trim()} --fail --silent`], { env: { ...process.env, TIDEGATE: server.url } });
    await server.untilState(id, "stopped");
});
