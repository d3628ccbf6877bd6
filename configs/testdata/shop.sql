-- The database of a small shop. It is busy and healthy: payments and messages are under
-- way, one SKU waits for its push, a promotion changed prices by a tenth. Beside it stands
-- sg-2, where everything is wrong: who asks for sg-1 must not see it.
DROP TABLE IF EXISTS orders, payments, stock, prices, credentials, arrived;

CREATE TABLE orders (
  id bigint PRIMARY KEY, shop text NOT NULL, state text, total numeric(12, 2) NOT NULL, currency text NOT NULL,
  created_at timestamptz NOT NULL, paid_at timestamptz
);
-- A payment may come before its order, and without one.
CREATE TABLE payments (
  shop text NOT NULL, order_id bigint NOT NULL, amount numeric(12, 2) NOT NULL, currency text NOT NULL, captured_at timestamptz
);
CREATE TABLE stock (
  shop text NOT NULL, sku text NOT NULL, available int NOT NULL, listed int NOT NULL,
  changed_at timestamptz NOT NULL, synced_at timestamptz NOT NULL, PRIMARY KEY (shop, sku)
);
CREATE TABLE prices (
  shop text NOT NULL, sku text NOT NULL, active bool NOT NULL, price numeric(12, 2), former_price numeric(12, 2),
  listed_price numeric(12, 2), changed_at timestamptz NOT NULL, PRIMARY KEY (shop, sku)
);
CREATE TABLE credentials (shop text NOT NULL, name text NOT NULL, expires_at timestamptz NOT NULL, PRIMARY KEY (shop, name));
CREATE TABLE arrived (marker text PRIMARY KEY, sku text NOT NULL, quantity int NOT NULL);

-- Thirty orders of the last hour: paid and worked off within ten minutes.
INSERT INTO orders
SELECT n, 'sg-1', CASE WHEN n <= 5 THEN 'paid' ELSE 'shipped' END, 20 + n, 'SGD',
       now() - n * interval '1 minute 50 seconds', now() - n * interval '1 minute 50 seconds'
FROM generate_series(1, 30) n;
INSERT INTO payments SELECT shop, id, total, currency, created_at FROM orders;
-- The same hour a week ago.
INSERT INTO orders
SELECT 100 + n, 'sg-1', 'cancelled', 20, 'SGD', now() - interval '7 days' - n * interval '2 minutes', NULL
FROM generate_series(1, 25) n;
INSERT INTO orders VALUES
  (200, 'sg-1', 'new',       10, 'SGD', now() - interval '40 minutes', NULL),                          -- never paid
  (201, 'sg-1', 'new',       10, 'SGD', now() - interval '5 minutes', NULL),                           -- its message is under way
  (202, 'sg-1', 'paid',      10, 'SGD', now() - interval '6 minutes', now() - interval '2 minutes'),   -- its payment is
  (203, 'sg-1', 'cancelled', 10, 'SGD', now() - interval '3 hours', NULL),                             -- paid back in part
  (204, 'sg-1', 'shipped',   10, 'SGD', now() - interval '3 hours', now() - interval '3 hours');       -- its first try to pay failed
INSERT INTO payments VALUES
  ('sg-1', 201, 10, 'SGD', now() - interval '1 minute'),
  ('sg-1', 203, 4, 'SGD', now() - interval '2 hours'),
  ('sg-1', 204, 10, 'SGD', NULL), ('sg-1', 204, 10, 'SGD', now() - interval '3 hours'),
  ('sg-1', 205, 10, 'SGD', now() - interval '2 minutes'),                                               -- its order is under way
  ('sg-1', 206, 10, 'SGD', NULL);                                                                       -- never taken

INSERT INTO stock SELECT 'sg-1', 'SKU-' || n, n, n, now() - interval '5 hours', now() - interval '4 hours' FROM generate_series(1, 20) n;
UPDATE stock SET available = 0, listed = 0 WHERE sku = 'SKU-1';
UPDATE stock SET available = 3, changed_at = now() - interval '2 minutes' WHERE sku = 'SKU-2';

INSERT INTO prices SELECT 'sg-1', 'SKU-' || n, true, 90, 100, 90, now() - interval '10 minutes' FROM generate_series(1, 20) n;
UPDATE prices SET price = 50, listed_price = 50, changed_at = now() - interval '3 hours' WHERE sku = 'SKU-1';
UPDATE prices SET price = 0, listed_price = NULL, active = false WHERE sku = 'SKU-2';
INSERT INTO credentials VALUES
  ('sg-1', 'authorisation', now() + interval '200 days'), ('sg-1', 'app secret', now() + interval '90 days');

INSERT INTO orders VALUES
  (900, 'sg-2', 'new',  10, 'SGD', now() - interval '5 hours', NULL),
  (901, 'sg-2', 'paid', 10, 'SGD', now() - interval '5 hours', now() - interval '5 hours');
INSERT INTO payments VALUES
  ('sg-2', 900, 10, 'SGD', now() - interval '5 hours'), ('sg-2', 900, 12, 'USD', now() - interval '5 hours'),
  ('sg-2', 999, 10, 'SGD', now() - interval '5 hours');
INSERT INTO stock VALUES ('sg-2', 'SKU-1', -4, 9, now() - interval '9 hours', now() - interval '10 hours');
INSERT INTO prices VALUES ('sg-2', 'SKU-1', true, 0, 10, 10, now());
INSERT INTO credentials VALUES ('sg-2', 'authorisation', now() - interval '1 day');
