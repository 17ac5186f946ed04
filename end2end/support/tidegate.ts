import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { freePort, until } from "./wait";

/** A user for the settings of a server. */
export function user(name: string, role: string, password: string): string {
    const hash = execFileSync(binary(), ["secret", "hash-password"], { input: password, encoding: "utf8" }).trim();
    return `[[security.users]]\nname = "${name}"\nrole = "${role}"\npassword-hash = "${hash}"\n`;
}

function binary(): string {
    return process.env.TIDEGATE_BIN ?? join(root, "target/debug/tidegate");
}

const root = resolve(__dirname, "../..");

/** A server with a data directory of its own. */
export class Tidegate {
    private process: ChildProcess | undefined;

    private constructor(
        readonly url: string,
        readonly dir: string,
        private readonly serverId: number,
        private readonly flags: string[],
    ) {}

    /** `settings` is the text of a TOML file for it, such as its users. */
    static async start(serverId: number, settings = ""): Promise<Tidegate> {
        const dir = mkdtempSync(join(tmpdir(), "tidegate-e2e-server-"));
        const file = join(dir, "settings.toml");
        writeFileSync(file, settings);
        const server = new Tidegate(`http://127.0.0.1:${await freePort()}`, dir, serverId, [`--config=${file}`]);
        await server.run();
        return server;
    }

    /** Starts the process; also after `interrupt`, with the same address and data. */
    async run(): Promise<void> {
        const output = openSync(this.logFile, "a");
        const child = spawn(
            binary(),
            [
                "server",
                `--addr=${new URL(this.url).host}`,
                `--data-dir=${join(this.dir, "data")}`,
                `--server-id=${this.serverId}`,
                `--ui-dir=${process.env.TIDEGATE_SITE ?? join(root, "target/site")}`,
                "--drain-timeout=2",
                ...this.flags,
            ],
            { stdio: ["ignore", output, output] },
        );
        closeSync(output);
        this.process = child;
        await until("the server", async () => {
            if (child.exitCode !== null) {
                throw new Error(`${binary()} ended:\n${this.logText()}`);
            }
            return fetch(`${this.url}/health`).then((answer) => answer.ok, () => false);
        });
    }

    /** The process as the system knows it. */
    get pid(): number {
        const pid = this.process?.pid;
        if (pid === undefined) {
            throw new Error("the server does not run");
        }
        return pid;
    }

    logText(): string {
        return readFileSync(this.logFile, "utf8");
    }

    /** Calls the v2 API; fails on an error answer. */
    async api(method: string, path: string, body?: unknown): Promise<unknown> {
        const answer = await fetch(`${this.url}/api/v2${path}`, {
            method,
            headers: { "Content-Type": "application/json" },
            body: body === undefined ? undefined : JSON.stringify(body),
        });
        const text = await answer.text();
        if (!answer.ok) {
            throw new Error(`${method} ${path}: ${answer.status} ${text}`);
        }
        return text === "" ? undefined : JSON.parse(text);
    }

    /** Waits until a changefeed is in a state. */
    async untilState(id: string, state: string): Promise<void> {
        await until(`${id} ${state}`, async () => {
            const answer = (await this.api("GET", `/changefeeds/${id}`)) as { state: string };
            return answer.state === state;
        });
    }

    /** Waits until the live figures have a changefeed, so that every page opened from now on sees it from the start. */
    async untilLive(id: string): Promise<void> {
        await until(`figures of ${id}`, async () => {
            const answer = await fetch(`${this.url}/api/tidegate/v1/live`);
            const figures = (await answer.json()) as { changefeeds: { id: string }[] };
            return figures.changefeeds.some((feed) => feed.id === id);
        });
    }

    /** Ends the process; its data stays. */
    async interrupt(): Promise<void> {
        const child = this.process;
        if (child === undefined || child.exitCode !== null) {
            return;
        }
        const ended = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGTERM");
        const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
        await ended;
        clearTimeout(timer);
    }

    async stop(): Promise<void> {
        await this.interrupt();
        rmSync(this.dir, { recursive: true, force: true });
    }

    private get logFile(): string {
        return join(this.dir, "log");
    }
}
