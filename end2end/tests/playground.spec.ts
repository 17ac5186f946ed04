import { type Page } from "@playwright/test";
import { expect, expectAccessible, expectNoSidewaysScroll, hydrated, open, test, upstream } from "../support/test";

const FILTER = "/ui/playground/filter";
const EXPRESSION = "/ui/playground/expression";

/** A row of the list of tables. */
const table = (page: Page, name: string) =>
    page.getByRole("list", { name: "Tables", exact: true }).getByRole("listitem").filter({ hasText: name });

test("rules are tried on the tables of the upstream, and an address keeps them", async ({ page }) => {
    await open(page, "/ui");
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Playground" }).click();
    await expect(page.getByRole("heading", { level: 1, name: "Table rules" })).toBeVisible();

    const rules = page.getByLabel("Table rules");
    await rules.pressSequentially("shop.*\n!shop.tmp_*\nnone.*");
    await expect(page.getByRole("heading", { name: /^3 of \d+ tables selected$/ })).toBeVisible();
    await expect(page.getByText("Rule 3 matches nothing")).toBeVisible();
    await expect(rules).toBeFocused();
    await expect(rules).toHaveValue("shop.*\n!shop.tmp_*\nnone.*");
    await page.getByLabel("Show only tables with").fill("shop.");
    await expect(table(page, "shop.tmp_import")).toContainText("rule 2");
    await expect(table(page, "shop.orders")).toContainText("rule 1");

    // A rule shows its tables, a table its rules.
    await page.getByRole("link", { name: "Tables of rule 2: !shop.tmp_*" }).click();
    await expect(page.getByRole("list", { name: "Tables", exact: true }).getByRole("listitem")).toHaveCount(1);
    await page.getByRole("link", { name: "Show all" }).click();
    await page.getByRole("link", { name: "shop.tmp_import" }).click();
    const explained = page.getByRole("region", { name: "Test of a name" });
    await expect(explained).toContainText("matches and decides");
    await expect(explained).toContainText("not selected");

    const address = page.url();
    await page.goto("about:blank");
    await page.goto(address);
    await hydrated(page);
    await expect(rules).toHaveValue("shop.*\n!shop.tmp_*\nnone.*");
    await expect(explained).toContainText("matches and decides");
    await expect(table(page, "shop.tmp_import")).toContainText("rule 2");

    // A name that does not exist yet.
    await page.getByLabel("Test a name").fill("shop.next_year");
    await expect(explained).toContainText("There is no such table now.");
    await expect(explained.getByText("selected", { exact: true })).toBeVisible();
});

test("rules are switched off, moved and judged by case, each by one click", async ({ page }) => {
    await open(page, `${FILTER}?rules=SHOP.*%0A!shop.tmp_*&find=shop.`);
    const heading = page.getByRole("heading", { name: /tables selected$/ });
    await expect(heading).toHaveText(/^3 of/);
    await page.getByRole("link", { name: "Turn rule 2 off" }).click();
    await expect(heading).toHaveText(/^4 of/);
    const rules = page.getByLabel("Table rules");
    await expect(rules).toHaveValue("SHOP.*\n# !shop.tmp_*");
    await page.getByRole("link", { name: "Turn rule 2 on" }).click();
    await expect(heading).toHaveText(/^3 of/);
    await page.getByRole("link", { name: "Move rule 2 up" }).click();
    await expect(rules).toHaveValue("!shop.tmp_*\nSHOP.*");
    await expect(heading).toHaveText(/^4 of/);
    await page.goBack();
    await expect(rules).toHaveValue("SHOP.*\n!shop.tmp_*");
    await page.getByLabel("Upper and lower case differ").check();
    await expect(heading).toHaveText(/^0 of/);
});

test("a rule that cannot be read is shown with the place", async ({ page }) => {
    await open(page, FILTER);
    await page.getByLabel("Table rules").fill("shop.*\nshop.[a");
    await expect(page.getByText(/Rule 2, column 6/).first()).toBeVisible();
    await expect(page.getByLabel("Table rules")).toHaveAccessibleDescription(/column 6/);
    await expectAccessible(page);
});

test("rules go on into a new changefeed, and a pasted list stands in for the upstream", async ({ page, server }) => {
    await open(page, FILTER);
    await page.getByText("Use a list instead of the upstream's tables").click();
    await page.getByRole("textbox", { name: "Tables", exact: true }).fill("sales.orders\nsales.`a.b`\nmysql.user");
    await page.getByLabel("Table rules").fill("sales.*");
    await expect(page.getByRole("heading", { name: "2 of 3 tables selected" })).toBeVisible();
    await expect(table(page, "mysql.user")).toContainText("system schema");
    await page.getByText("As TOML").click();
    await expect(page.getByRole("region", { name: "filter as TOML" })).toContainText('rules = ["sales.*"]');
    await page.getByRole("link", { name: "Use in new changefeed" }).click();
    await expect(page).toHaveURL(`${server.url}/ui/changefeeds/new?rules=sales.%2A`);
    await expect(page.getByLabel("Table rules")).toHaveValue("sales.*");
});

test("event filters are tried on inserts, updates, deletes and statements", async ({ page }) => {
    // In a schema of its own: other tests count the tables of the shop.
    await upstream(
        "CREATE DATABASE IF NOT EXISTS tester;" +
            "CREATE TABLE IF NOT EXISTS tester.priced (id INT PRIMARY KEY, price DECIMAL(8,2), state VARCHAR(10))",
    );
    const tables = page.getByLabel("Table", { exact: true });
    // The server keeps the list of tables for a moment.
    await expect(async () => {
        await open(page, EXPRESSION);
        await expect(tables.getByRole("option", { name: "tester.priced" })).toHaveCount(1, { timeout: 100 });
    }).toPass();
    await tables.selectOption("tester.priced");
    await page.getByLabel(/^Tables ?matcher/).fill("tester.*");
    await page.getByLabel("Drop inserts where the new row").fill("price > 100");
    const first = page.getByRole("group", { name: "Row 1", exact: true });
    await first.getByLabel("price").fill("100.50");
    const verdict = (title: string) => page.getByRole("group", { name: title, exact: true });
    await expect(verdict("Row 1: insert")).toContainText("dropped");
    await expect(verdict("Row 1: insert")).toContainText("Filter 1, ignore_insert_value_expr");
    await first.getByLabel("price").fill("99");
    await expect(verdict("Row 1: insert")).toContainText("kept");

    await page.getByRole("button", { name: "Add row" }).click();
    await page.getByLabel("Row 2", { exact: true }).selectOption("update");
    const second = page.getByRole("group", { name: "Row 2", exact: true });
    await page.getByLabel("Drop updates where the old row").fill("state = 'locked'");
    await second.getByRole("group", { name: "Old row" }).getByLabel("state").fill("locked");
    await expect(verdict("Row 2: update")).toContainText("dropped");
    await second.getByLabel("Row 2", { exact: true }).selectOption("delete");
    await expect(verdict("Row 2: delete")).toContainText("kept");
    await expect(page.getByLabel("Drop updates where the old row")).toHaveValue("state = 'locked'");

    await page.getByLabel("Drop events").fill("truncate table");
    await page.getByLabel("A statement").fill("TRUNCATE tester.priced");
    await expect(verdict("tester.priced")).toContainText("dropped");

    // A column that does not exist is named, with a way to the expression.
    await page.getByLabel("Drop inserts where the new row").fill("cost > 100");
    const fault = page.getByRole("link", { name: "Filter 1, ignore_insert_value_expr" });
    await expect(page.getByRole("listitem").filter({ has: fault })).toContainText("'cost'");
    await fault.click();
    await expect(page.getByLabel("Drop inserts where the new row")).toHaveAccessibleDescription(/'cost'/);
    await expectAccessible(page);

    const address = page.url();
    await page.goto(address);
    await hydrated(page);
    await expect(page.getByLabel("Drop inserts where the new row")).toHaveValue("cost > 100");
    await page.setViewportSize({ width: 320, height: 700 });
    await expectNoSidewaysScroll(page);
});
