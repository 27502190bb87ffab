// The service's tables, in SQLite with the durability of the project's own ledger.

import { DatabaseSync } from 'node:sqlite';

const TABLES = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA foreign_keys = ON;

  CREATE TABLE payments (
    id INTEGER PRIMARY KEY,
    payment_intent TEXT NOT NULL UNIQUE,
    reference TEXT NOT NULL UNIQUE,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    status TEXT NOT NULL,
    received INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE events (
    id TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    created INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE transitions (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    payment INTEGER NOT NULL REFERENCES payments (id),
    status TEXT NOT NULL
  ) STRICT;
`;

/** What an event makes of its payment. */
const STATUSES = {
  'payment_intent.succeeded': 'approved',
  'payment_intent.payment_failed': 'rejected',
  'payment_intent.requires_action': 'pending',
};

/** Opens a new ledger with so many payments that are not paid yet. */
export function openLedger(path, payments) {
  const database = new DatabaseSync(path);
  database.exec(TABLES);
  const begin = database.prepare('BEGIN IMMEDIATE');
  const commit = database.prepare('COMMIT');
  const rollback = database.prepare('ROLLBACK');
  const addPayment = database.prepare(
    `INSERT INTO payments (payment_intent, reference, amount, currency, status, received)
     VALUES (?, ?, 2000, 'usd', 'pending', 0)`,
  );
  const addEvent = database.prepare(
    'INSERT INTO events (id, type, created) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const findPayment = database.prepare('SELECT id FROM payments WHERE payment_intent = ?');
  const updatePayment = database.prepare(
    'UPDATE payments SET status = ?, received = ? WHERE id = ?',
  );
  const addTransition = database.prepare(
    'INSERT INTO transitions (payment, status) VALUES (?, ?)',
  );
  const count = database.prepare(
    `SELECT (SELECT count(*) FROM events) AS events,
            (SELECT count(*) FROM transitions) AS transitions,
            (SELECT count(*) FROM payments WHERE status = 'approved') AS approved`,
  );

  function transaction(work) {
    begin.run();
    try {
      work();
      commit.run();
    } catch (error) {
      if (database.isTransaction) rollback.run();
      throw error;
    }
  }

  transaction(() => {
    for (let number = 0; number < payments; number += 1) {
      addPayment.run(`pi_${String(number).padStart(24, '0')}`, `order-${number}`);
    }
  });

  return {
    /** Records a verified event and what it says of its payment. An event that is known changes nothing. */
    record(event) {
      transaction(() => {
        if (addEvent.run(event.id, event.type, event.created).changes === 0) return;
        const status = STATUSES[event.type];
        const intent = event.data.object;
        const payment = status && findPayment.get(intent.id);
        if (!payment) return;
        updatePayment.run(status, intent.amount_received, payment.id);
        addTransition.run(payment.id, status);
      });
    },
    count: () => count.get(),
  };
}
