//! The life of a small shop, as statements. The same every time: a demo that can be told about.

/// Creates and fills the schema `shop`.
pub(super) const SCHEMA: &str = include_str!("shop.sql");

/// Orders older than this many ticks are deleted, so that the shop does not grow.
const ORDERS_KEPT: u64 = 500;
const PRODUCTS: u64 = 20;
const CUSTOMERS: u64 = 12;
/// One schema change in so many ticks.
const DDL_TICKS: u64 = 150;

/// What happens at a tick (counted from 1): an order comes in, older ones are paid, shipped and forgotten, and now and
/// then a column comes or goes.
pub(super) fn tick(number: u64) -> String {
    let lines = 1 + number % 3;
    let mut text = format!(
        "USE shop; BEGIN; INSERT INTO orders (id, customer, status) VALUES ({number}, {}, 'placed');",
        1 + number % CUSTOMERS
    );
    for line in 1..=lines {
        let (product, quantity) = (1 + (number * 7 + line) % PRODUCTS, 1 + (number + line) % 4);
        text += &format!("INSERT INTO order_item VALUES ({number}, {line}, {product}, {quantity});");
        text += &format!("UPDATE product SET stock = stock - {quantity} WHERE id = {product};");
    }
    text += "COMMIT;";
    if number > 3 {
        text += &format!("UPDATE orders SET status = 'paid' WHERE id = {};", number - 3);
    }
    if number > 12 {
        text += &format!("UPDATE orders SET status = 'shipped' WHERE id = {};", number - 12);
    }
    if number > ORDERS_KEPT {
        let old = number - ORDERS_KEPT;
        text += &format!(
            "BEGIN; DELETE FROM order_item WHERE order_id = {old}; DELETE FROM orders WHERE id = {old}; COMMIT;"
        );
    }
    if number.is_multiple_of(40) {
        text += "UPDATE product SET stock = stock + 100 WHERE stock < 450;";
    }
    text += match number % (2 * DDL_TICKS) {
        DDL_TICKS => "ALTER TABLE orders ADD COLUMN gift_note VARCHAR(80) NOT NULL DEFAULT 'with love';",
        0 => "ALTER TABLE orders DROP COLUMN gift_note;",
        _ => "",
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_orders_go_and_schema_changes_alternate() {
        assert!(!tick(ORDERS_KEPT).contains("DELETE"));
        assert!(tick(ORDERS_KEPT + 1).contains("DELETE FROM orders WHERE id = 1;"));
        let changes: Vec<bool> = (1..=4 * DDL_TICKS)
            .map(tick)
            .filter(|text| text.contains("ALTER"))
            .map(|text| text.contains("ADD COLUMN"))
            .collect();
        assert_eq!(changes, [true, false, true, false]);
    }
}
