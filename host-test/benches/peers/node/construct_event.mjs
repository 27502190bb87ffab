// Times constructEvent of Stripe's SDK on one body that is signed here: construct_event.mjs BODY_FILE ITERATIONS

import { readFileSync } from 'node:fs';

import Stripe from 'stripe';

const SECRET = 'whsec_ofTheBenchmark';
/** The calls before the measurement: the engine compiles what is called often. */
const WARM_UP = 2000;

const [bodyFile, count] = process.argv.slice(2);
const body = readFileSync(bodyFile);
const iterations = Number(count);
// No request is made with it.
const { webhooks } = new Stripe('sk_test_unused');
const header = webhooks.generateTestHeaderString({ payload: body.toString(), secret: SECRET });

const times = [];
for (let call = 0; call < WARM_UP + iterations; call += 1) {
  const start = process.hrtime.bigint();
  const event = webhooks.constructEvent(body, header, SECRET);
  const time = process.hrtime.bigint() - start;
  if (event.type !== 'payment_intent.succeeded') throw new Error(`the event is ${event.type}`);
  if (call >= WARM_UP) times.push(Number(time));
}
times.sort((one, other) => one - other);
const percentile = (percent) => times[Math.floor((iterations * percent) / 100)];
console.log(JSON.stringify({ p50_ns: percentile(50), p99_ns: percentile(99) }));
