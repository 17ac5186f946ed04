import { readFileSync } from "node:fs";
import { expect } from "@playwright/test";

/** Prints a figure, and fails when it passes its hard limit. */
export function judge(what: string, figure: number, unit: string, target: number, limit: number): void {
    const word = figure <= target ? "on target" : figure <= limit ? "within the limit" : "TOO MUCH";
    const rounded = figure >= 100 ? figure.toFixed(0) : figure.toPrecision(3);
    console.log(`budget  ${what}: ${rounded} ${unit} (target ${target}, limit ${limit}): ${word}`);
    expect.soft(figure, what).toBeLessThanOrEqual(limit);
}

/** The value that 95 of 100 do not exceed. */
export function p95(values: number[]): number {
    const sorted = [...values].sort((a, b) => a - b);
    const value = sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.95) - 1)];
    if (value === undefined) {
        throw new Error("nothing was measured");
    }
    return value;
}

/** Seconds of processor time that a process has used so far. */
export function processorSeconds(pid: number): number {
    // Fields 14 and 15 count clock ticks, of which Linux has 100 a second; the second field may hold blanks.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
}
