import { expect, expectAccessible, hydrated, test } from "../support/test";

test("an empty server shows the first steps, and one click starts a changefeed that moves", async ({ page, emptyServer }) => {
    await page.goto(`${emptyServer.url}/`);
    await expect(page).toHaveURL(`${emptyServer.url}/ui`);
    await hydrated(page);
    await expect(page.getByRole("heading", { name: "Start replicating" })).toBeVisible();
    await expectAccessible(page);

    await page.getByRole("button", { name: "Create blackhole changefeed" }).click();
    await expect(page).toHaveURL(`${emptyServer.url}/ui/changefeeds/default/first`);
    await expect(page.getByRole("heading", { level: 1, name: "first" })).toBeFocused();
    await expect(page.getByText("Keeping up")).toBeVisible();

    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Overview" }).click();
    await expect(page.getByText("1 changefeed healthy")).toBeVisible();
    const counters = page.getByRole("list", { name: "Changefeeds by state" });
    await expect(counters.getByRole("link", { name: "normal 1" })).toBeVisible();
    await counters.getByRole("link", { name: "normal 1" }).click();
    await expect(page).toHaveURL(`${emptyServer.url}/ui/changefeeds?state=normal`);
});

test("the overview names what needs attention and says so live", async ({ page, emptyServer }) => {
    await emptyServer.api("POST", "/changefeeds", {
        changefeed_id: "works",
        sink_uri: "blackhole://",
        replica_config: { ignore_ineligible_table: true },
    });
    await page.goto(`${emptyServer.url}/ui`);
    await hydrated(page);
    await expect(page.getByText("1 changefeed healthy")).toBeVisible();
    // Nobody touches the page from here on.
    await emptyServer.api("POST", "/changefeeds/works/pause");
    await expect(page.getByText("0 changefeeds healthy, 1 paused")).toBeVisible();
    await emptyServer.api("POST", "/changefeeds", {
        changefeed_id: "newer",
        sink_uri: "blackhole://",
        replica_config: { ignore_ineligible_table: true },
    });
    await expect(page.getByRole("table").getByRole("link", { name: "newer" })).toBeVisible();
});
