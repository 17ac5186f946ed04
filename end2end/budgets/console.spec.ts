import { get } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { type Browser, type Page, expect } from "@playwright/test";
import { hydrated, open, test as base } from "../support/test";
import { Tidegate } from "../support/tidegate";
import { until } from "../support/wait";
import { judge, p95, processorSeconds } from "./figures";

const FEEDS = 1_000;
const LIST = "/ui/changefeeds";

/** A server with 1,000 changefeeds that all move once a second. */
const test = base.extend<object, { fleet: Tidegate }>({
    fleet: [
        async ({}, use) => {
            const server = await Tidegate.start(77_000);
            let next = 0;
            const create = async (): Promise<void> => {
                while (next < FEEDS) {
                    const id = `orders-to-warehouse-${next++}`;
                    await server.api("POST", "/changefeeds", {
                        changefeed_id: id,
                        sink_uri: "blackhole://",
                        replica_config: { filter: { rules: ["shop.items"] } },
                    });
                }
            };
            await Promise.all(Array.from({ length: 16 }, create));
            await until("figures of all changefeeds", async () => {
                const answer = await fetch(`${server.url}/api/tidegate/v1/live`);
                const { changefeeds } = (await answer.json()) as { changefeeds: unknown[] };
                return changefeeds.length === FEEDS;
            });
            await use(server);
            await server.stop();
        },
        { scope: "worker", timeout: 240_000 },
    ],
    baseURL: async ({ fleet }, use) => use(fleet.url),
});

/** Milliseconds to the first byte of an answer, and its length in bytes. */
function fetched(url: string): Promise<{ first: number; bytes: number }> {
    return new Promise((resolve, reject) => {
        const start = performance.now();
        get(url, (answer) => {
            let bytes = 0;
            let first = 0;
            answer.on("data", (part: Buffer) => {
                first ||= performance.now() - start;
                bytes += part.length;
            });
            answer.on("end", () => resolve({ first, bytes }));
        }).on("error", reject);
    });
}

test("the list of 1,000 changefeeds comes at once", async ({ fleet }) => {
    const answers = [];
    for (let n = 0; n < 60; n += 1) {
        answers.push(await fetched(fleet.url + LIST));
    }
    judge("first byte of the list, p95", p95(answers.map(({ first }) => first)), "ms", 40, 100);
    judge("HTML of the list", p95(answers.map(({ bytes }) => bytes)) / 1_000, "kB", 60, 120);
});

/** Milliseconds from the start of a navigation to the first paint, and until the page answers to clicks. */
async function opened(page: Page): Promise<{ paint: number; interactive: number }> {
    await page.addInitScript(() => {
        new MutationObserver((_, observer) => {
            if (document.documentElement?.hasAttribute("data-hydrated")) {
                performance.mark("hydrated");
                observer.disconnect();
            }
        }).observe(document, { subtree: true, attributes: true, childList: true });
    });
    await open(page, LIST);
    const paint = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
    await page.waitForFunction(paint);
    return page.evaluate(() => ({
        paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Number.NaN,
        interactive: performance.getEntriesByName("hydrated")[0]?.startTime ?? Number.NaN,
    }));
}

/** Pages that come into an empty cache, and the same ones again. */
async function coldAndWarm(browser: Browser, url: string) {
    const context = await browser.newContext({ baseURL: url });
    const cold = await opened(await context.newPage());
    const warm = await opened(await context.newPage());
    await context.close();
    return { cold, warm };
}

test("the list paints and answers quickly", async ({ browser, fleet }) => {
    const visits = [];
    for (let n = 0; n < 7; n += 1) {
        visits.push(await coldAndWarm(browser, fleet.url));
    }
    const middle = (values: number[]): number => {
        const value = [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
        return value ?? Number.NaN;
    };
    judge("first paint, cold", middle(visits.map(({ cold }) => cold.paint)), "ms", 250, 600);
    judge("answers to clicks, cold", middle(visits.map(({ cold }) => cold.interactive)), "ms", 800, 1_500);
    judge("answers to clicks, warm", middle(visits.map(({ warm }) => warm.interactive)), "ms", 400, 800);
});

test("another page of the console is there at once", async ({ page }) => {
    await open(page, "/ui");
    const main = page.getByRole("navigation", { name: "Main" });
    const times: number[] = [];
    for (let round = 0; round < 4; round += 1) {
        for (const name of ["Changefeeds", "Captures", "Processors", "Overview"]) {
            const before = (await page.getByRole("heading", { level: 1 }).textContent()) ?? "";
            const link = await main.getByRole("link", { name, exact: true }).elementHandle();
            times.push(
                await page.evaluate(
                    ([link, before]) =>
                        new Promise<number>((resolve) => {
                            const start = performance.now();
                            const observer = new MutationObserver(() => {
                                const now = document.querySelector("h1")?.textContent;
                                if (now !== undefined && now !== before) {
                                    observer.disconnect();
                                    resolve(performance.now() - start);
                                }
                            });
                            observer.observe(document, { subtree: true, childList: true, characterData: true });
                            (link as HTMLElement).click();
                        }),
                    [link, before] as const,
                ),
            );
        }
    }
    judge("from one page to another, p95", p95(times), "ms", 100, 300);
});

interface TraceEvent {
    name: string;
    ph: string;
    ts: number;
    dur?: number;
    pid: number;
    tid: number;
}

/** Milliseconds of script between one frame of a page and the next, of those frames that had any. */
function scriptPerFrame(events: TraceEvent[]): number[] {
    const frames = events.filter(({ name }) => name === "BeginCommitCompositorFrame");
    const thread = frames[0];
    if (thread === undefined) {
        return [];
    }
    const own = events.filter(({ pid, tid }) => pid === thread.pid && tid === thread.tid);
    const starts = own.filter(({ name }) => name === "BeginCommitCompositorFrame").map(({ ts }) => ts);
    const sums = new Map<number, number>();
    // Calls within calls are part of them.
    let end = 0;
    for (const call of own.filter(({ name }) => name === "FunctionCall").sort((a, b) => a.ts - b.ts)) {
        if (call.ts >= end) {
            end = call.ts + (call.dur ?? 0);
            const frame = starts.findLastIndex((start) => start <= call.ts);
            sums.set(frame, (sums.get(frame) ?? 0) + (call.dur ?? 0) / 1_000);
        }
    }
    return [...sums.values()];
}

test("1,000 changefeeds that move keep the list smooth", async ({ page, browser }) => {
    const SECONDS = 60;
    await page.addInitScript(() => {
        const tasks: number[] = [];
        Object.assign(globalThis, { tasks });
        new PerformanceObserver((list) => {
            tasks.push(...list.getEntries().map((entry) => entry.duration));
        }).observe({ type: "longtask" });
    });
    await open(page, LIST);
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Performance.enable");
    const figure = async (name: string): Promise<number> => {
        const { metrics } = await devtools.send("Performance.getMetrics");
        return metrics.find((metric) => metric.name === name)?.value ?? Number.NaN;
    };
    const heap = async (): Promise<number> => {
        await devtools.send("HeapProfiler.collectGarbage");
        return figure("JSHeapUsedSize");
    };
    await pause(5_000);
    await page.evaluate(() => (globalThis as unknown as { tasks: number[] }).tasks.splice(0));
    const before = await heap();
    await browser.startTracing(page, { categories: ["devtools.timeline", "disabled-by-default-devtools.timeline"] });
    await pause(SECONDS * 1_000);
    const trace = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
    const growth = (await heap()) - before;
    const long = await page.evaluate(() => (globalThis as unknown as { tasks: number[] }).tasks.length);
    const frames = scriptPerFrame(trace.traceEvents);
    expect(frames.length, "frames with script").toBeGreaterThan(SECONDS / 2);
    judge("script in a frame, 1,000 moving changefeeds, p95", p95(frames), "ms", 8, 16);
    judge(`tasks over 50 ms in ${SECONDS} s`, long, "", 0, 2);
    judge("nodes of the page", await page.evaluate(() => document.querySelectorAll("*").length), "", 2_500, 4_000);
    judge("growth of the heap in 10 minutes", Math.max(0, (growth / 1e6) * (600 / SECONDS)), "MB", 3, 10);
});

test("ten viewers cost the server little", async ({ fleet }) => {
    const SECONDS = 20;
    const used = async (): Promise<number> => {
        const before = processorSeconds(fleet.pid);
        await pause(SECONDS * 1_000);
        return (processorSeconds(fleet.pid) - before) / SECONDS;
    };
    const alone = await used();
    let bytes = 0;
    const viewers = Array.from({ length: 10 }, () =>
        get(`${fleet.url}/ui/live`, (stream) => stream.on("data", (part: Buffer) => (bytes += part.length))),
    );
    await until("events for all viewers", async () => bytes > 10 * 1_000);
    const watched = await used();
    for (const viewer of viewers) {
        viewer.destroy();
    }
    judge("ten viewers of 1,000 changefeeds", Math.max(0, watched - alone) * 100, "% of a core", 2, 10);
});
