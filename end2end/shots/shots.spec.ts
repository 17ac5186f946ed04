import { test, upstream, downstreamUri, open } from "../support/test";
test("shots", async ({ server, page }) => {
    test.setTimeout(200000);
    const out = "/tmp/gshots";
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.goto(server.url + "/ui"); await page.waitForTimeout(1500);
    await page.screenshot({ path: `${out}/empty-1280-light.png`, fullPage: true });
    await server.api("POST", "/changefeeds", { changefeed_id: "orders-to-warehouse", sink_uri: downstreamUri(), replica_config: { ignore_ineligible_table: true, filter: { rules: ["shop.*"] } } });
    await server.api("POST", "/changefeeds", { changefeed_id: "everything-to-nowhere", sink_uri: "blackhole://", replica_config: { ignore_ineligible_table: true } });
    await server.api("POST", "/changefeeds", { changefeed_id: "shop-csv", sink_uri: `file://${server.dir}/csv?protocol=csv`, replica_config: { ignore_ineligible_table: true, filter: { rules: ["shop.*"] } } });
    await server.api("POST", "/changefeeds", { changefeed_id: "paused", sink_uri: "blackhole://", replica_config: { ignore_ineligible_table: true } });
    await server.api("POST", "/changefeeds/paused/pause");
    const until = Date.now() + 20000;
    while (Date.now() < until) { await upstream("USE shop; INSERT INTO shop.orders (note) SELECT 'x' FROM seq_1_to_" + (20 + Math.floor(Math.random() * 180))); await page.waitForTimeout(200); }
    for (const scheme of ["light", "dark"] as const) for (const width of [1280, 320]) {
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme: scheme });
        for (const [name, path] of [["overview", ""], ["list", "/changefeeds"], ["detail", "/changefeeds/default/orders-to-warehouse"], ["config", "/changefeeds/default/orders-to-warehouse/config"], ["api", "/changefeeds/default/orders-to-warehouse/api"], ["new", "/changefeeds/new"], ["remove", "/changefeeds/default/paused/remove"], ["captures", "/captures"], ["logs", "/logs"], ["404", "/nope"]]) {
            await page.goto(server.url + "/ui" + path); await page.waitForTimeout(1300);
            await page.screenshot({ path: `${out}/${name}-${width}-${scheme}.png`, fullPage: true });
        }
    }
});
