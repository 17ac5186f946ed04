import { downstreamUri, expect, expectAccessible, freshId, hydrated, open, test, upstream } from "../support/test";

/** The browser reports a refused form itself. */
const refused = /status of 400/;

test("a changefeed made by the form is seen moving", async ({ page, server }) => {
    const id = freshId("form");
    await open(page, "/ui/changefeeds");
    await page.getByRole("link", { name: /New changefeed|Create the first one/ }).first().click();
    await page.getByLabel("Changefeed id").fill(id);
    await page.getByLabel("Sink URI").fill("blackhole://");
    await page.getByLabel("Table rules").fill("shop.*");
    await page.getByLabel("Leave out tables without a key").check();
    await page.getByRole("button", { name: "Create changefeed" }).click();

    await expect(page).toHaveURL(`${server.url}/ui/changefeeds/default/${id}`);
    await expect(page.getByText("Keeping up")).toBeVisible();
    const rate = page.getByRole("figure").filter({ hasText: "Rows per second" });
    // A first value first: a rate is the difference of two.
    await expect(rate.getByRole("img")).toHaveAccessibleName(/inserted now 0 rows\/s/);
    await upstream("USE shop; INSERT INTO orders (note) SELECT 'x' FROM seq_1_to_500");
    await expect(rate.getByRole("img")).toHaveAccessibleName(/at most (?!0 rows)/);
    const checkpoint = page.getByRole("main").locator("dd").first();
    const before = await checkpoint.textContent();
    await expect(checkpoint).not.toHaveText(before ?? "", { timeout: 15_000 });
});

test("the preview shows which rule decides, and a mistake stands at its field", async ({ page, server, expectedMessages }) => {
    expectedMessages.push(refused);
    const id = freshId("rules");
    await open(page, "/ui/changefeeds/new");
    const preview = page.getByRole("region", { name: "Preview of the tables" });
    // Other tests have schemas of their own: only those of the shop are known.
    const table = (name: string) => preview.getByRole("listitem").filter({ hasText: `shop.${name}` });
    await expect(table("tmp_import")).toContainText("rule 1");

    await page.getByLabel("Table rules").fill("shop.*\n!shop.tmp_*\nother.*");
    await expect(preview.getByText(/^3 of \d+ tables$/)).toBeVisible();
    await expect(table("tmp_import")).toContainText("rule 2");
    await expect(table("orders")).toContainText("rule 1");
    await expect(preview.getByText("Rule 3 decides about no table.")).toBeVisible();

    await page.getByLabel("Table rules").fill("shop.[");
    await expect(preview.locator("p.text-failed")).toBeVisible();
    await page.getByLabel("Changefeed id").fill(id);
    await page.getByLabel("Sink URI").fill("blackhole://");
    await page.getByRole("button", { name: "Create changefeed" }).click();
    const summary = page.getByRole("alert");
    await expect(summary).toBeFocused();
    await expect(summary).toContainText("The changefeed was not created");
    const rules = page.getByLabel("Table rules");
    await expect(rules).toHaveAttribute("aria-invalid", "true");
    await expectAccessible(page);
    await summary.getByRole("link", { name: "Table rules" }).click();
    await expect(rules).toBeFocused();
    await expect(rules).toHaveValue("shop.[");
    await expect(page.getByLabel("Changefeed id")).toHaveValue(id);

    await rules.fill("shop.items");
    await page.getByRole("button", { name: "Create changefeed" }).click();
    await expect(page).toHaveURL(`${server.url}/ui/changefeeds/default/${id}`);
});

test("the password has a field that nobody reads over the shoulder", async ({ page, server }) => {
    const id = freshId("password");
    const uri = new URL(downstreamUri());
    await open(page, "/ui/changefeeds/new");
    await page.getByLabel("Changefeed id").fill(id);
    await page.getByLabel("Sink URI").fill(`mysql://${uri.username}@${uri.host}/`);
    const password = page.getByLabel("Password", { exact: true });
    await password.fill(uri.password);
    await expect(password).toHaveAttribute("type", "password");
    await page.getByRole("button", { name: "Show" }).click();
    await expect(password).toHaveAttribute("type", "text");
    await page.getByLabel("Table rules").fill("shop.items");
    await expectAccessible(page);
    await page.getByRole("button", { name: "Create changefeed" }).click();
    await expect(page).toHaveURL(`${server.url}/ui/changefeeds/default/${id}`);
    await expect(page.getByText(`mysql://${uri.username}:xxxxx@${uri.host}/`)).toBeVisible();
    expect(await page.content()).not.toContain(uri.password);
    await server.api("DELETE", `/changefeeds/${id}`);
});

test("several faults are told at once, each at its field", async ({ page, expectedMessages }) => {
    expectedMessages.push(refused);
    await open(page, "/ui/changefeeds/new");
    await page.getByLabel("Changefeed id").fill("not_valid");
    await page.getByRole("group", { name: "Start" }).getByLabel("A TSO").check();
    await page.getByLabel("Start TSO").fill("soon");
    await page.getByRole("button", { name: "Create changefeed" }).click();
    const summary = page.getByRole("alert");
    await expect(summary.getByRole("link")).toHaveText(["Changefeed id", "Sink URI", "Start TSO"]);
    await expect(page.getByLabel("Start TSO")).toHaveAccessibleDescription(/whole number/);
});

test("a TSO beyond the numbers of JavaScript arrives unchanged", async ({ page, server }) => {
    const id = freshId("tso");
    const now = BigInt(Date.now()) << 18n;
    const target = now + (3_600_000n << 18n) + 1n;
    await open(page, "/ui/changefeeds/new");
    await page.getByLabel("Changefeed id").fill(id);
    await page.getByLabel("Sink URI").fill("blackhole://");
    await page.getByLabel("Leave out tables without a key").check();
    await page.getByRole("group", { name: "Target" }).getByLabel("A TSO").check();
    await page.getByLabel("Target TSO").fill(target.toString());
    await page.getByRole("button", { name: "Create changefeed" }).click();
    await expect(page).toHaveURL(`${server.url}/ui/changefeeds/default/${id}`);
    await expect(page.getByText(target.toString())).toBeVisible();
    const answer = await fetch(`${server.url}/api/v2/changefeeds/${id}`).then((r) => r.text());
    expect(answer).toContain(`"target_ts":${target}`);
});

test("options of csv files reach the configuration", async ({ page, server, expectedMessages }) => {
    expectedMessages.push(refused);
    const id = freshId("csv");
    await open(page, "/ui/changefeeds/new");
    await page.getByLabel("Changefeed id").fill(id);
    await page.getByLabel("Sink URI").fill(`file://${server.dir}/${id}`);
    await page.getByLabel("Leave out tables without a key").check();
    const group = (title: string) => page.getByRole("group").filter({ has: page.getByText(title, { exact: true }) }).last();
    await expect(group("Kafka")).toContainText("not in this version");
    await expect(group("MySQL, MariaDB and TiDB")).toContainText("not used by this sink");
    await page.getByText("Format and transactions").click();
    await page.getByLabel("Protocol").selectOption("csv");
    await page.getByText("CSV", { exact: true }).click();
    await page.getByLabel("Delimiter").fill(";;;;");
    await page.getByLabel("Include commit ts").selectOption("true");
    await page.getByRole("button", { name: "Create changefeed" }).click();
    await expect(page.getByLabel("Delimiter")).toHaveAttribute("aria-invalid", "true");
    await page.getByLabel("Delimiter").fill("|");
    await page.getByRole("button", { name: "Create changefeed" }).click();
    await expect(page).toHaveURL(`${server.url}/ui/changefeeds/default/${id}`);
    await page.getByRole("link", { name: "Config" }).click();
    await page.getByRole("link", { name: "JSON", exact: true }).click();
    const config = page.getByRole("region", { name: "configuration as JSON" });
    await expect(config).toContainText('"delimiter": "|"');
    await expect(config).toContainText('"include_commit_ts": true');
});

test("three faults in three parts stand at their fields before anything is sent", async ({ page }) => {
    await open(page, "/ui/changefeeds/new");
    await page.getByLabel("Sink URI").fill("ftp://127.0.0.1/orders");
    await page.getByText("General", { exact: true }).click();
    await page.getByLabel("Changefeed error stuck duration").fill("1s");
    await page.getByRole("button", { name: "Add a filter" }).click();
    await page.getByLabel("Matcher").first().fill("shop.*");
    await page.getByLabel("Ignore event").fill("inserts");
    const rail = page.getByRole("navigation", { name: "Parts of the form" });
    for (const part of ["Destination", "Advanced", "Events and columns"]) {
        await expect(rail.getByRole("link", { name: part })).toContainText("1 fault");
    }
    await expect(page.getByLabel("Ignore event")).toHaveAttribute("aria-invalid", "true");
    await expectAccessible(page);
    await page.getByLabel("Ignore event").fill("insert");
    await expect(rail.getByRole("link", { name: "Events and columns" })).not.toContainText("fault");

    // A link unfolds what hides the field.
    await page.getByText("General", { exact: true }).click();
    await page.getByRole("button", { name: "Check everything" }).click();
    const review = page.getByRole("region", { name: "Review", exact: true });
    await review.getByRole("link", { name: "changefeed_error_stuck_duration" }).click();
    await expect(page.getByLabel("Changefeed error stuck duration")).toBeFocused();
});

test("the destination is asked on demand only", async ({ page }) => {
    await open(page, "/ui/changefeeds/new");
    await page.getByLabel("Sink URI").fill("mysql://nobody@127.0.0.1:1/");
    await page.getByLabel("Leave out tables without a key").check();
    const review = page.getByRole("region", { name: "Review", exact: true });
    await expect(review).toContainText("The destination has not been asked");
    await review.getByRole("button", { name: "Check everything" }).click();
    await expect(review).toContainText("One fault");
    await expect(page.getByLabel("Sink URI")).toHaveAttribute("aria-invalid", "true");
    await page.getByLabel("Sink URI").fill("blackhole://");
    await review.getByRole("button", { name: "Check everything" }).click();
    await expect(review).toContainText("Everything is in order");
});

test("form and text say the same, and a text with an error changes nothing", async ({ page, server, expectedMessages }) => {
    expectedMessages.push(refused);
    const id = freshId("text");
    const start = (BigInt(Date.now() - 1000) << 18n) + 1n;
    await open(page, "/ui/changefeeds/new");
    await page.getByLabel("Changefeed id").fill(id);
    await page.getByLabel("Sink URI").fill("blackhole://");
    await page.getByText("As text: JSON, TOML, curl").click();
    const text = page.getByRole("textbox", { name: /^JSON, the body/ });
    await expect(text).toHaveValue(new RegExp(`"changefeed_id": "${id}"`));

    await text.fill('{"sink_uri": \n 1,}');
    await page.getByRole("button", { name: "Take over into the form" }).click();
    await expect(text).toHaveAccessibleDescription(/line 2/);
    await expect(page.getByLabel("Changefeed id")).toHaveValue(id);
    await page.getByRole("button", { name: "Discard the edits" }).click();
    await expect(text).toHaveValue(new RegExp(`"changefeed_id": "${id}"`));

    const body = `{"changefeed_id": "${id}", "sink_uri": "blackhole://", "start_ts": ${start}, "colour": 1,
        "replica_config": {"memory_quota": 12345678, "ignore_ineligible_table": true,
        "filter": {"rules": ["shop.*"], "event_filters": [{"matcher": ["shop.orders"], "ignore_event": ["delete"]}]}}}`;
    await text.fill(body);
    await page.getByRole("button", { name: "Take over into the form" }).click();
    await expect(page.getByLabel("Memory quota memory_quota")).toHaveValue("12345678");
    await expect(page.getByLabel("Table rules")).toHaveValue("shop.*");
    await expect(page.getByLabel("Ignore event")).toHaveValue("delete");
    await expect(page.getByLabel("Start TSO")).toHaveValue(start.toString());
    await expect(page.getByRole("region", { name: "Review", exact: true })).toContainText("colour");
    await page.getByText("As text: JSON, TOML, curl").click();
    await expect(page.getByText("memory-quota = 12345678")).toBeVisible();
    await page.getByRole("button", { name: "Create changefeed" }).click();
    await expect(page).toHaveURL(`${server.url}/ui/changefeeds/default/${id}`);
    const answer = await fetch(`${server.url}/api/v2/changefeeds/${id}`).then((r) => r.text());
    expect(answer).toContain(`"start_ts":${start}`);
    expect(answer).toContain('"ignore_event":["delete"]');

    // Another one like it.
    await open(page, `/ui/changefeeds/new?from=default/${id}`);
    await expect(page.getByLabel("Memory quota memory_quota")).toHaveValue("12345678");
    await expect(page.getByLabel("Changefeed id")).toHaveValue("");
});

test("pause, change, resume: one page, with what is different before anything is applied", async ({ page, server, browser, expectedMessages }) => {
    expectedMessages.push(refused);
    const id = freshId("edit");
    const uri = new URL(downstreamUri());
    await server.api("POST", "/changefeeds", {
        changefeed_id: id,
        sink_uri: downstreamUri(),
        replica_config: { memory_quota: 23456789, filter: { rules: ["shop.items"] } },
    });
    await open(page, `/ui/changefeeds/default/${id}`);
    await page.getByRole("link", { name: "Edit" }).click();
    await page.getByRole("button", { name: "Pause and edit" }).click();
    await expect(page.getByLabel("Memory quota memory_quota")).toHaveValue("23456789");
    expect(await page.content()).not.toContain(uri.password);
    await expectAccessible(page);

    // Somebody else, at the same time.
    const other = await browser.newPage();
    await other.goto(`${server.url}/ui/changefeeds/default/${id}/edit`);
    await other.locator("html[data-hydrated]").waitFor();

    // Tables that nobody writes to: the destination has none.
    await page.getByLabel("Table rules").fill("shop.none_*");
    await page.getByLabel("Memory quota memory_quota").fill("");
    const review = page.getByRole("region", { name: "Review", exact: true });
    await expect(review.getByRole("row").filter({ hasText: "filter.rules" })).toContainText('["shop.none_*"]');
    await expect(review.getByRole("row").filter({ hasText: "memory_quota" })).toContainText("default");
    await page.getByRole("button", { name: "Apply and resume" }).click();
    await expect(page).toHaveURL(`${server.url}/ui/changefeeds/default/${id}`);
    await server.untilState(id, "normal");
    const stored = await fetch(`${server.url}/api/v2/changefeeds/${id}`).then((r) => r.text());
    expect(stored).toContain('"rules":["shop.none_*"]');
    expect(stored).not.toContain("23456789");

    await server.api("POST", `/changefeeds/${id}/pause`);
    await other.getByText("General", { exact: true }).click();
    await other.getByLabel("Table rules").fill("shop.*");
    await other.getByRole("button", { name: "Apply, stay paused" }).click();
    await expect(other.getByRole("alert")).toContainText("replica_config.filter.rules is [\"shop.none_*\"] now");
    await expect(other.getByLabel("Table rules")).toHaveValue("shop.*");
    await other.close();
    await server.api("DELETE", `/changefeeds/${id}`);
});
