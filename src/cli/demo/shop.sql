CREATE DATABASE shop;
USE shop;
CREATE TABLE customer (id INT PRIMARY KEY, name VARCHAR(60) NOT NULL, city VARCHAR(40), profile JSON);
CREATE TABLE product (id INT PRIMARY KEY, name VARCHAR(60) NOT NULL, price DECIMAL(8,2) NOT NULL, stock INT NOT NULL);
CREATE TABLE orders (
  id BIGINT PRIMARY KEY, customer INT NOT NULL, status ENUM('placed','paid','shipped') NOT NULL,
  placed TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), KEY by_customer (customer));
CREATE TABLE order_item (
  order_id BIGINT NOT NULL, line INT NOT NULL, product INT NOT NULL, quantity INT NOT NULL,
  PRIMARY KEY (order_id, line));
INSERT INTO customer
  SELECT seq, CONCAT(ELT(1 + seq % 6, 'Ada', 'Grace', 'Edsger', 'Barbara', 'Alan', 'Radia'), ' ', CHAR(64 + seq), '.'),
         ELT(1 + seq % 4, 'Lisbon', 'Oslo', 'Quito', 'Kyoto'), JSON_OBJECT('tier', 1 + seq % 3)
  FROM seq_1_to_12;
INSERT INTO product
  SELECT seq, CONCAT(ELT(1 + seq % 5, 'cup', 'plate', 'bowl', 'spoon', 'jug'), ' no. ', seq), 2.5 + seq * 0.75, 500
  FROM seq_1_to_20;
