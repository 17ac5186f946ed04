import { expect, test, upstream } from "../support/test";
import { judge, p95 } from "./figures";

const TABLES = 10_000;

test("table rules are tried on 10,000 tables while somebody types", async ({ server }) => {
    await upstream("CREATE DATABASE wide");
    for (let first = 0; first < TABLES; first += 1_000) {
        const names = Array.from({ length: 1_000 }, (_, n) => `t_${(first + n) % 100}_${first + n}`);
        await upstream(names.map((name) => `CREATE TABLE wide.${name} (id INT PRIMARY KEY) ENGINE=MEMORY`).join(";"));
    }
    const rules = Array.from({ length: 50 }, (_, n) => `wide.t_${n}_*`).join("\n");
    const body = new URLSearchParams({ place: "filter", query: new URLSearchParams({ rules }).toString() });
    const times: number[] = [];
    for (let n = 0; n < 30; n += 1) {
        const start = performance.now();
        const answer = await fetch(`${server.url}/ui/fn/try_out`, {
            method: "POST",
            headers: { "Content-Type": "application/x-www-form-urlencoded", Origin: server.url },
            body,
        });
        const text = await answer.text();
        times.push(performance.now() - start);
        expect(text).toContain("5000 of ");
    }
    await upstream("DROP DATABASE wide");
    judge(`rules on ${TABLES} tables, p95`, p95(times), "ms", 50, 200);
});
