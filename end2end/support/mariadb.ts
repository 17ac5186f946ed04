import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort, until } from "./wait";

const run = promisify(execFile);
const superuser = process.getuid?.() === 0 ? ["--user=root"] : [];

/** A private MariaDB server with a row binlog. Data and process are gone when it is stopped. */
export class MariaDb {
    private constructor(
        readonly port: number,
        readonly socket: string,
        private readonly dir: string,
        private readonly process: ChildProcess,
    ) {}

    static async start(name: string, serverId: number): Promise<MariaDb> {
        const dir = mkdtempSync(join(tmpdir(), `tidegate-e2e-${name}-`));
        const [data, temporary] = [join(dir, "data"), join(dir, "tmp")];
        mkdirSync(temporary);
        await run(program("mariadb-install-db"), [
            "--no-defaults",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
            "--innodb-log-file-size=16M",
            ...superuser,
            `--datadir=${data}`,
            `--tmpdir=${temporary}`,
        ]);
        const port = await freePort();
        const socket = join(dir, "db.sock");
        const log = join(dir, "log");
        const output = openSync(log, "w");
        const process = spawn(
            program("mariadbd"),
            [
                "--no-defaults",
                ...superuser,
                `--datadir=${data}`,
                `--tmpdir=${temporary}`,
                `--socket=${socket}`,
                `--port=${port}`,
                "--bind-address=127.0.0.1",
                `--server-id=${serverId}`,
                "--log-bin=binlog",
                "--binlog-format=ROW",
                "--binlog-row-image=FULL",
                "--binlog-row-metadata=FULL",
                "--innodb-buffer-pool-size=32M",
                "--innodb-flush-log-at-trx-commit=2",
                // A server that dies with the tests has nothing to keep.
                "--debug-no-sync",
                "--skip-name-resolve",
            ],
            { stdio: ["ignore", output, output] },
        );
        const server = new MariaDb(port, socket, dir, process);
        await until(`MariaDB ${name}`, async () => {
            if (process.exitCode !== null) {
                throw new Error(`mariadbd ended: ${readFileSync(log, "utf8").split("\n").slice(-15).join("\n")}`);
            }
            return existsSync(socket) && (await query(socket, "SELECT 1").then(() => true, () => false));
        });
        await query(
            socket,
            "SET sql_log_bin = 0; CREATE USER 'cdc'@'127.0.0.1' IDENTIFIED BY 'cdc-secret';" +
                "GRANT ALL PRIVILEGES ON *.* TO 'cdc'@'127.0.0.1';",
        );
        return server;
    }

    /** A URI with a password that no page may show. */
    get uri(): string {
        return `mysql://cdc:cdc-secret@127.0.0.1:${this.port}/`;
    }

    async stop(): Promise<void> {
        const ended = new Promise((resolve) => this.process.once("exit", resolve));
        this.process.kill("SIGKILL");
        await ended;
        rmSync(this.dir, { recursive: true, force: true });
    }
}

/** Runs statements as root over a server's socket; the answer has one line a row. */
export async function query(socket: string, sql: string): Promise<string> {
    const { stdout } = await run(program("mariadb"), [
        "--no-defaults",
        "--user=root",
        `--socket=${socket}`,
        "--batch",
        "--skip-column-names",
        "-e",
        sql,
    ]);
    return stdout.trim();
}

function program(name: string): string {
    const path = (process.env.PATH ?? "").split(":");
    const found = [...path, "/usr/sbin", "/usr/bin", "/usr/libexec"]
        .map((dir) => join(dir, name))
        .find((file) => existsSync(file));
    if (found === undefined) {
        throw new Error(`${name} is not installed: install mariadb-server`);
    }
    return found;
}
