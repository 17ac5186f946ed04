import { createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

/** Asks again and again until the answer is yes. */
export async function until(what: string, ask: () => Promise<boolean>, deadlineMs = 60_000): Promise<void> {
    const deadline = Date.now() + deadlineMs;
    while (!(await ask())) {
        if (Date.now() > deadline) {
            throw new Error(`${what} did not come about in ${deadlineMs} ms`);
        }
        await pause(50);
    }
}

/** A port that nobody listens on. */
export function freePort(): Promise<number> {
    return new Promise((resolve, reject) => {
        const server = createServer();
        server.once("error", reject);
        server.listen(0, "127.0.0.1", () => {
            const address = server.address();
            const port = typeof address === "object" && address !== null ? address.port : 0;
            server.close(() => resolve(port));
        });
    });
}
