// A webhook endpoint as a good Node service has it: Stripe's SDK verifies the raw body, one transaction records the event,
// its payment and the transition for the flow, and 200 follows the commit.
//
// WEBHOOK_SECRET  the signing secret
// LEDGER          the file of the database, which is made
// PAYMENTS        how many payments are made at the start

import { once } from 'node:events';
import { createServer } from 'node:http';

import Stripe from 'stripe';

import { openLedger } from './ledger.mjs';

const { WEBHOOK_SECRET, LEDGER, PAYMENTS } = process.env;
// No request is made with it.
const stripe = new Stripe('sk_test_unused');
const ledger = openLedger(LEDGER, Number(PAYMENTS));

/** The status with which a delivery is answered. */
function receive(body, signature) {
  let event;
  try {
    event = stripe.webhooks.constructEvent(body, signature, WEBHOOK_SECRET);
  } catch {
    return 400;
  }
  try {
    ledger.record(event);
  } catch (error) {
    console.error(error);
    return 503;
  }
  return 200;
}

const server = createServer((request, response) => {
  if (request.method === 'GET' && request.url === '/count') {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(ledger.count()));
  } else if (request.method === 'POST' && request.url === '/webhook') {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      response.statusCode = receive(Buffer.concat(chunks), request.headers['stripe-signature']);
      response.end();
    });
  } else {
    response.statusCode = 404;
    response.end();
  }
});
// No connection of a benchmark is closed between two deliveries.
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address();
console.log(JSON.stringify({ listening: `http://127.0.0.1:${port}/webhook` }));
