import { downstreamUri, expect, freshId, test } from "../support/test";

test.use({ javaScriptEnabled: false });

test.beforeEach(({ expectedMessages }) => {
    // Without scripts nobody uses what the page preloads.
    expectedMessages.push(/preloaded using link preload but not used/);
});

test("pages are readable and the list can be filtered", async ({ page, server }) => {
    const id = freshId("plain");
    await server.api("POST", "/changefeeds", {
        changefeed_id: id,
        sink_uri: "blackhole://",
        replica_config: { ignore_ineligible_table: true },
    });
    await page.goto("/ui");
    await expect(page.getByRole("region", { name: "Verdict" })).toBeVisible();
    await page.goto("/ui/changefeeds");
    await page.getByRole("searchbox").fill(id);
    await page.getByRole("button", { name: "Search" }).click();
    await expect(page.getByText(/^1 of/)).toBeVisible();
    await page.getByRole("link", { name: id }).click();
    await expect(page.getByRole("heading", { level: 1, name: id })).toBeVisible();
    await expect(page.getByRole("img", { name: /^Lag/ })).toBeVisible();
    await page.getByRole("link", { name: "Config" }).click();
    await expect(page.getByText("memory_quota", { exact: true })).toBeVisible();
    await page.getByRole("link", { name: "JSON", exact: true }).click();
    await expect(page.getByRole("region", { name: "configuration as JSON" })).toContainText("memory_quota");
    for (const [path, heading] of [["/ui/captures", "Captures"], ["/ui/processors", "Processors"], ["/ui/logs", "Logs"]] as const) {
        await page.goto(path);
        await expect(page.getByRole("heading", { level: 1, name: heading })).toBeVisible();
    }
});

test("pause, resume and remove", async ({ page, server }) => {
    const id = freshId("plain");
    await server.api("POST", "/changefeeds", {
        changefeed_id: id,
        sink_uri: "blackhole://",
        replica_config: { ignore_ineligible_table: true },
    });
    await page.goto(`/ui/changefeeds/default/${id}`);
    await page.getByRole("button", { name: "Pause" }).click();
    await expect(page.getByText("Paused.")).toBeVisible();
    await page.getByRole("button", { name: "Resume" }).click();
    await server.untilState(id, "normal");
    await page.getByRole("link", { name: "Remove" }).click();
    await page.getByLabel(`Type ${id} to confirm`).fill("wrong");
    await page.getByRole("button", { name: "Remove changefeed" }).click();
    await expect(page.getByRole("alert")).toContainText("nothing was removed");
    await page.getByLabel(`Type ${id} to confirm`).fill(id);
    await page.getByRole("button", { name: "Remove changefeed" }).click();
    await expect(page).toHaveURL(`${server.url}/ui/changefeeds`);
    await expect(page.getByRole("link", { name: id })).toHaveCount(0);
});

test("create keeps what was typed, explains, previews and shows no secret", async ({ page, server }) => {
    const id = freshId("plain");
    await page.goto("/ui/changefeeds/new");
    await page.getByLabel("Changefeed id").fill(id);
    await page.getByLabel("Sink URI").fill(downstreamUri());
    await page.getByLabel("Table rules").fill("shop.[");
    await page.getByLabel("Leave out tables without a key").check();
    await page.getByRole("button", { name: "Create changefeed" }).click();
    await expect(page.getByRole("alert")).toContainText("Table rules");
    await expect(page.getByLabel("Changefeed id")).toHaveValue(id);
    await expect(page.getByLabel("Leave out tables without a key")).toBeChecked();
    await expect(page.getByLabel("Sink URI")).toHaveValue(/mysql:\/\/cdc:xxxxx@/);
    expect(await page.content()).not.toContain("cdc-secret");
    expect(page.url()).not.toContain("cdc-secret");

    await page.getByLabel("Table rules").fill("shop.items");
    await page.getByRole("button", { name: "Preview tables" }).click();
    await expect(page.getByRole("region", { name: "Preview of the tables" })).toContainText(/1 of \d+ tables/);
    await expect(page.getByRole("listitem").filter({ hasText: "shop.items" })).toContainText("rule 1");
    await expect(page.getByLabel("Changefeed id")).toHaveValue(id);

    await page.getByRole("button", { name: "Create changefeed" }).click();
    await expect(page).toHaveURL(`${server.url}/ui/changefeeds/default/${id}`);
    await server.untilState(id, "normal");
});

test("filters are added, everything is checked, and a text is taken over", async ({ page }) => {
    await page.goto("/ui/changefeeds/new");
    await page.getByLabel("Sink URI").fill("blackhole://");
    await page.getByRole("button", { name: "Add a filter" }).click();
    await page.getByLabel("Matcher").first().fill("shop.*");
    await page.getByLabel("Ignore event").fill("inserts");
    await page.getByRole("button", { name: "Check everything" }).click();
    const review = page.getByRole("region", { name: "Review", exact: true });
    await expect(review).toContainText("inserts");
    await expect(page.getByLabel("Ignore event")).toHaveValue("inserts");
    await page.getByText("As text: JSON, TOML, curl").click();
    await page.getByRole("textbox", { name: /^JSON, the body/ }).fill("memory-quota = 7654321");
    await page.getByRole("button", { name: "Take over into the form" }).click();
    await expect(page.getByLabel("Memory quota memory_quota")).toHaveValue("7654321");
});

test("a password of its own field is not shown again and not lost", async ({ page, server }) => {
    const id = freshId("plain");
    const uri = new URL(downstreamUri());
    await page.goto("/ui/changefeeds/new");
    await page.getByLabel("Changefeed id").fill(id);
    await page.getByLabel("Sink URI").fill(`mysql://${uri.username}@${uri.host}/`);
    await page.getByLabel("Password", { exact: true }).fill(uri.password);
    await page.getByLabel("Table rules").fill("shop.[");
    await page.getByRole("button", { name: "Create changefeed" }).click();
    await expect(page.getByRole("alert")).toContainText("Table rules");
    await expect(page.getByLabel("Password", { exact: true })).toHaveValue("");
    expect(await page.content()).not.toContain(uri.password);
    await page.getByLabel("Table rules").fill("shop.items");
    await page.getByRole("button", { name: "Create changefeed" }).click();
    await expect(page).toHaveURL(`${server.url}/ui/changefeeds/default/${id}`);
    await server.untilState(id, "normal");
});

test("theme and log level", async ({ page }) => {
    await page.goto("/ui/logs");
    await page.getByRole("button", { name: "Dark theme" }).click();
    await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
    await expect(page).toHaveURL(/\/ui\/logs\??$/);
    await page.getByRole("radio", { name: /^error/ }).check();
    await page.getByRole("button", { name: "Set level" }).click();
    await expect(page.getByRole("radio", { name: /^error/ })).toBeChecked();
    await page.getByRole("radio", { name: /^info/ }).check();
    await page.getByRole("button", { name: "Set level" }).click();
    await expect(page.getByRole("radio", { name: /^info/ })).toBeChecked();
});

test("playgrounds and the filter of the log are plain forms", async ({ page }) => {
    await page.goto("/ui/playground/filter");
    await page.getByLabel("Table rules").fill("shop.*\n!shop.tmp_*");
    await page.getByRole("button", { name: "Try" }).click();
    await expect(page.getByRole("heading", { name: /^3 of \d+ tables selected$/ })).toBeVisible();
    await page.getByRole("link", { name: "Turn rule 2 off" }).click();
    await expect(page.getByRole("heading", { name: /^4 of \d+ tables selected$/ })).toBeVisible();
    await expect(page.getByLabel("Table rules")).toHaveValue("shop.*\n# !shop.tmp_*");

    await page.goto("/ui/playground/expression");
    await page.getByLabel("Table", { exact: true }).selectOption("shop.orders");
    await page.getByLabel(/^Tables ?matcher/).fill("shop.*");
    await page.getByLabel("Drop deletes where the old row").fill("id = 7");
    await page.getByRole("button", { name: "Try" }).click();
    await page.getByRole("button", { name: "Add row" }).click();
    await page.getByLabel("Row 2", { exact: true }).selectOption("delete");
    await page.getByRole("button", { name: "Try" }).click();
    await page.getByRole("group", { name: "Row 2", exact: true }).getByLabel("id").fill("7");
    await page.getByRole("button", { name: "Try" }).click();
    await expect(page.getByRole("group", { name: "Row 2: delete" })).toContainText("dropped");

    await page.goto("/ui/logs");
    await page.getByLabel("Text", { exact: true }).fill("server is up");
    await page.getByRole("button", { name: "Filter" }).click();
    await expect(page.getByRole("region", { name: "Log lines" })).toContainText("server is up");
});
