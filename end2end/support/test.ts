import { randomBytes } from "node:crypto";
import AxeBuilder from "@axe-core/playwright";
import { type Page, test as base, expect } from "@playwright/test";
import { query } from "./mariadb";
import { Tidegate } from "./tidegate";

/** The databases of this run. */
export const upstream = (sql: string): Promise<string> => query(variable("TIDEGATE_UPSTREAM_SOCKET"), sql);
export const downstream = (sql: string): Promise<string> => query(variable("TIDEGATE_DOWNSTREAM_SOCKET"), sql);
export const downstreamUri = (): string => variable("TIDEGATE_DOWNSTREAM_URI");

/** A changefeed id that no other test uses. */
export const freshId = (what: string): string => `${what}-${randomBytes(4).toString("hex")}`;

interface WorkerFixtures {
    /** The server of this worker. */
    server: Tidegate;
}

interface TestFixtures {
    /** A server that nobody else uses. */
    emptyServer: Tidegate;
    /** Starts servers with settings of their own, and ends them after the test. */
    startServer: (settings: string) => Promise<Tidegate>;
    /** What messages of the browser's console may say without failing the test; tests add to it. */
    expectedMessages: RegExp[];
}

let nextServerId = 0;

/** A server_id that no other server of this run has: upstream and downstream take 1 and 2. */
function serverId(worker: number): number {
    nextServerId += 1;
    return 1_000 + worker * 100 + nextServerId;
}

/** Stops a server; a page that made it panic fails the test. */
async function end(server: Tidegate): Promise<void> {
    await server.interrupt();
    const panics = server.logText().split("\n").filter((line) => line.includes("panicked"));
    await server.stop();
    expect(panics).toEqual([]);
}

export const test = base.extend<TestFixtures, WorkerFixtures>({
    server: [
        async ({}, use, worker) => {
            const server = await Tidegate.start(serverId(worker.workerIndex));
            await use(server);
            await end(server);
        },
        { scope: "worker" },
    ],
    emptyServer: async ({}, use, info) => {
        const server = await Tidegate.start(serverId(info.workerIndex));
        await use(server);
        await end(server);
    },
    startServer: async ({}, use, info) => {
        const servers: Tidegate[] = [];
        await use(async (settings) => {
            const server = await Tidegate.start(serverId(info.workerIndex), settings);
            servers.push(server);
            return server;
        });
        for (const server of servers) {
            await end(server);
        }
    },
    baseURL: async ({ server }, use) => use(server.url),
    expectedMessages: async ({}, use) => use([]),
    /** Any warning or error of the browser's console fails the test: hydration mismatch, panic, blocked script. */
    page: async ({ page, expectedMessages }, use) => {
        const messages: string[] = [];
        page.on("console", (message) => {
            if (["error", "warning"].includes(message.type())) {
                messages.push(message.text());
            }
        });
        page.on("pageerror", (error) => messages.push(String(error)));
        await use(page);
        expect(messages.filter((text) => !expectedMessages.some((known) => known.test(text)))).toEqual([]);
    },
});

/** Opens a page and waits until it answers to clicks. */
export async function open(page: Page, path: string): Promise<void> {
    await page.goto(path);
    await hydrated(page);
}

/** Waits until the page answers to clicks. */
export async function hydrated(page: Page): Promise<void> {
    await expect(page.locator("html")).toHaveAttribute("data-hydrated", "");
}

/** No violation of WCAG 2.2 A and AA. */
export async function expectAccessible(page: Page): Promise<void> {
    const result = await new AxeBuilder({ page })
        .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"])
        .analyze();
    expect(result.violations.map((violation) => ({ id: violation.id, nodes: violation.nodes.map((n) => n.html) }))).toEqual([]);
}

/** The page itself does not scroll sideways, and nothing sticks out of its card. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
    const { wide, seen } = await page.evaluate(() => ({
        wide: document.documentElement.scrollWidth,
        seen: document.documentElement.clientWidth,
    }));
    expect(wide).toBeLessThanOrEqual(seen);
    const cut = await page.evaluate(() =>
        [...document.querySelectorAll("main .card")]
            .filter((card) => card.scrollWidth > card.clientWidth)
            .map((card) => card.outerHTML.slice(0, 300)),
    );
    expect(cut).toEqual([]);
}

function variable(name: string): string {
    const value = process.env[name];
    if (value === undefined) {
        throw new Error(`${name} is not set: the global set-up did not run`);
    }
    return value;
}

export { expect };
