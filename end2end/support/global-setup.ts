import { MariaDb, query } from "./mariadb";

/** Starts an upstream with a small shop and an empty downstream; ends them after the last test. */
export default async function globalSetup(): Promise<() => Promise<void>> {
    const [upstream, downstream] = await Promise.all([MariaDb.start("upstream", 1), MariaDb.start("downstream", 2)]);
    await query(
        upstream.socket,
        `CREATE DATABASE shop;
         CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(100));
         CREATE TABLE shop.items (id INT PRIMARY KEY, name VARCHAR(100));
         CREATE TABLE shop.tmp_import (id INT PRIMARY KEY);
         CREATE TABLE shop.no_key (word VARCHAR(100));`,
    );
    process.env.TIDEGATE_UPSTREAM_URI = upstream.uri;
    process.env.TIDEGATE_UPSTREAM_SOCKET = upstream.socket;
    process.env.TIDEGATE_DOWNSTREAM_URI = downstream.uri;
    process.env.TIDEGATE_DOWNSTREAM_SOCKET = downstream.socket;
    return async () => {
        await Promise.all([upstream.stop(), downstream.stop()]);
    };
}
