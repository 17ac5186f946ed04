import type { Tidegate } from "../support/tidegate";
import { downstreamUri, expect, expectAccessible, expectNoSidewaysScroll, freshId, hydrated, open, test, upstream } from "../support/test";
import { until } from "../support/wait";

interface Point {
    unix_ms: number;
    checkpoint_lag_ms: number;
    inserts_per_second: number;
    bytes_per_second: number;
}

interface Series {
    window: string;
    step_seconds: number;
    points: Point[];
    marks: { kind: string; text: string }[];
}

async function create(server: Tidegate, id: string, sinkUri = "blackhole://", rules = ["shop.*"], more = {}): Promise<void> {
    await server.api("POST", "/changefeeds", {
        changefeed_id: id,
        sink_uri: sinkUri,
        replica_config: { ignore_ineligible_table: true, filter: { rules } },
        ...more,
    });
}

async function series(server: Tidegate, id: string, window = "5m"): Promise<Series> {
    const answer = await fetch(`${server.url}/api/tidegate/v1/changefeeds/${id}/series?window=${window}`);
    expect(answer.status).toBe(200);
    return (await answer.json()) as Series;
}

/** Waits until the history has so many points. */
async function untilPoints(server: Tidegate, id: string, count: number): Promise<void> {
    await until(`${count} points of ${id}`, async () => (await series(server, id)).points.length >= count);
}

test("charts fill, one line walks over them by keys and pointer, and the table equals the endpoint", async ({ page, server }) => {
    const id = freshId("charts");
    await create(server, id);
    await untilPoints(server, id, 3);
    await upstream("INSERT INTO shop.orders (note) VALUES ('a'), ('b'), ('c')");
    await open(page, `/ui/changefeeds/default/${id}`);
    const history = page.getByRole("region", { name: "History" });
    await expect(history.getByRole("img", { name: /^Lag/ })).toBeVisible();
    await expect(history.getByRole("img", { name: /^Rows per second/ })).toBeVisible();
    await expect(history.getByRole("img", { name: /^Bytes per second/ })).toBeVisible();
    await expect(page.getByRole("list", { name: "Pipeline" }).getByRole("listitem")).toHaveCount(4);

    // By keys, from the newest moment on.
    const slider = page.getByRole("slider", { name: "Moment of the charts" });
    await slider.focus();
    await slider.press("ArrowLeft");
    await slider.press("ArrowLeft");
    await expect(slider).toHaveValue("297");
    await expect(slider).toHaveAttribute("aria-valuetext", /UTC · lag .* rows\/s|No values/);
    // By the pointer, at the end of one of the charts.
    const chart = await history.getByRole("img", { name: /^Rows per second/ }).boundingBox();
    await page.mouse.move((chart?.x ?? 0) + (chart?.width ?? 0) / 2, (chart?.y ?? 0) + 20);
    await expect(slider).toHaveValue(/^1(49|50)$/);

    // A pause is marked.
    await server.api("POST", `/changefeeds/${id}/pause`);
    await expect(page.getByRole("list", { name: "What happened" })).toContainText("Paused");

    // The table is what the endpoint says, also for what is behind.
    await history.getByRole("link", { name: "Show as table" }).click();
    await expect(page).toHaveURL(/table=1/);
    const rows = page.getByRole("region", { name: "Figures" }).getByRole("row");
    await expect(rows.first()).toContainText("Checkpoint lag (ms)");
    const shown = new Map<number, string[]>();
    for (const text of (await rows.evaluateAll((all) => all.map((row) => [...row.children].map((cell) => cell.textContent ?? "")))).slice(1)) {
        shown.set(Date.parse(text[0] ?? ""), text.slice(1));
    }
    const figures = await series(server, id);
    expect(figures.window).toBe("5m");
    expect(figures.marks.map((mark) => mark.kind)).toContain("pause");
    let compared = 0;
    // The last seconds are younger than the page.
    for (const point of figures.points) {
        const cells = shown.get(point.unix_ms);
        if (cells !== undefined) {
            expect(cells[0]).toBe(String(point.checkpoint_lag_ms));
            expect(cells[2]).toBe(String(point.inserts_per_second));
            expect(cells[5]).toBe(String(point.bytes_per_second));
            compared += 1;
        }
    }
    expect(compared).toBeGreaterThanOrEqual(3);

    // The window is in the address, and stays after a reload.
    await history.getByRole("link", { name: "Show as charts" }).click();
    await history.getByRole("link", { name: "1 h" }).click();
    await expect(page).toHaveURL(/window=1h/);
    await page.reload();
    await hydrated(page);
    await expect(history.getByRole("link", { name: "1 h" })).toHaveAttribute("aria-current", "true");
    expect((await series(server, id, "1h")).step_seconds).toBe(10);
});

test("a failed changefeed says why, and its button leads to the field that mends it", async ({ page, server }) => {
    const id = freshId("failing");
    const schema = id.replaceAll("-", "_");
    await upstream(`CREATE DATABASE ${schema}; CREATE TABLE ${schema}.x (id INT PRIMARY KEY)`);
    try {
        // A table that comes into the rules by its new name was not copied before: nothing mends that by itself.
        await create(server, id, downstreamUri(), [`${schema}.t`]);
        await upstream(`RENAME TABLE ${schema}.x TO ${schema}.t`);
        await server.untilState(id, "failed");
        await open(page, `/ui/changefeeds/default/${id}`);
        const error = page.getByRole("region", { name: "Error" });
        await expect(error.getByRole("heading", { name: "Failed" })).toBeVisible();
        await expect(error).toContainText("CDC:Err");
        await expect(error).toContainText("What usually causes it:");
        await expect(error).toContainText(/first seen .* UTC/);
        await error.getByText("What the server says").click();
        await expect(error).toContainText(schema);
        expect(await page.content()).not.toContain("cdc-secret");
        await expectAccessible(page);

        const todo = error.getByRole("group", { name: "What to do" });
        await expect(todo.getByRole("link", { name: "Clone, starting now" })).toBeVisible();
        await todo.getByRole("link", { name: "Edit table rules" }).click();
        await expect(page).toHaveURL(new RegExp(`/ui/changefeeds/default/${id}/edit#rules$`));
        await hydrated(page);
        await expect(page.getByLabel("Table rules")).toBeInViewport();
    } finally {
        await server.api("DELETE", `/changefeeds/${id}`);
        await upstream(`DROP DATABASE ${schema}`);
    }
});

test("the tables tab searches and sorts, with and without scripts", async ({ page, server, browser }) => {
    const id = freshId("tables");
    await create(server, id);
    await server.untilLive(id);
    const address = `${server.url}/ui/changefeeds/default/${id}/tables`;
    await open(page, address);
    const table = page.getByRole("table", { name: "Tables of this changefeed" });
    const row = (name: string) => table.getByRole("row").filter({ hasText: name });
    await expect(row("shop.orders")).toContainText("PRIMARY (id)");
    await expect(row("shop.no_key")).toContainText("no primary key");
    await expectAccessible(page);
    const plain = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
    await plain.goto(address);
    await plain.getByRole("searchbox", { name: "Search tables" }).fill("ORD");
    await plain.getByRole("button", { name: "Search" }).click();
    await expect(plain.getByRole("rowheader")).toHaveCount(1);
    await plain.getByRole("link", { name: "Table id" }).click();
    await expect(plain).toHaveURL(/sort=id/);
    await expect(plain).toHaveURL(/q=ORD/);
    await plain.context().close();
});

test("a time becomes a TSO and back, without scripts too", async ({ server, browser }) => {
    const id = freshId("tso");
    await create(server, id);
    const page = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
    await page.goto(`${server.url}/ui/changefeeds/default/${id}?window=1h`);
    const field = page.getByLabel("Convert a time (UTC) or a TSO");
    await field.fill("2026-01-31 12:00:00");
    await page.getByRole("button", { name: "Convert" }).click();
    const converted = page.getByRole("group", { name: "Converted" });
    await expect(converted).toContainText(String(BigInt(Date.UTC(2026, 0, 31, 12)) << 18n));
    await expect(page).toHaveURL(/window=1h/);
    await field.fill(String((BigInt(Date.UTC(2026, 0, 31, 12)) << 18n) + 7n));
    await page.getByRole("button", { name: "Convert" }).click();
    await expect(converted).toContainText("2026-01-31 12:00:00 UTC");
    await expect(converted).toContainText("logical part 7");
    await page.context().close();
});

test("the page of a changefeed is for everybody, at every width and in both themes", async ({ page, server }) => {
    const id = freshId("wide");
    await create(server, id);
    await untilPoints(server, id, 2);
    for (const scheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme: scheme });
        await page.setViewportSize({ width: 320, height: 700 });
        await open(page, `/ui/changefeeds/default/${id}`);
        await expect(page.getByRole("region", { name: "Facts" })).toContainText("In sync");
        await expectAccessible(page);
        await expectNoSidewaysScroll(page);
        await open(page, `/ui/changefeeds/default/${id}?table=1`);
        await expect(page.getByRole("region", { name: "Figures" })).toBeVisible();
        await expectAccessible(page);
        await expectNoSidewaysScroll(page);
    }
});
