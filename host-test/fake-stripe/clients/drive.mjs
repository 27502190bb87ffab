// Drives the fake Stripe with Stripe's official package for Node.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, test } from 'node:test';

import Stripe from 'stripe';

import { bodies, clientOf, openShop, startFake, trigger } from './fake.mjs';

const { errors } = Stripe;
const shop = await openShop();
const fake = await startFake('--deliver-origin', `https://shop.example=${shop.origin}`);
const stripe = clientOf(fake);
const endpoint = await stripe.webhookEndpoints.create({
  url: 'https://shop.example/webhook',
  enabled_events: ['*'],
});

after(() => {
  fake.stop();
  shop.close();
  writeFileSync('bodies.json', JSON.stringify(bodies));
});

const page = {
  mode: 'payment',
  success_url: 'https://shop.example/thanks',
  line_items: [
    {
      quantity: 2,
      price_data: { currency: 'usd', unit_amount: 525, product_data: { name: 'A book' } },
    },
  ],
};

async function submit(url, fields) {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(fields) });
  assert.equal(response.status, 200, url);
}

function pay(more = {}) {
  const payment = { amount: 1050, currency: 'usd', payment_method: 'pm_card_visa', confirm: true };
  return stripe.paymentIntents.create({ ...payment, ...more });
}

test('account', async () => {
  const account = await stripe.accounts.retrieveCurrent();
  assert.equal(account.charges_enabled, true);
  const inactive = await clientOf(fake, 'sk_test_51NotActivated').accounts.retrieveCurrent();
  assert.equal(inactive.charges_enabled, false);
});

test('webhook endpoints', async () => {
  const made = await stripe.webhookEndpoints.create({
    url: 'https://elsewhere.example/webhook',
    enabled_events: ['charge.refunded'],
    api_version: '2026-10-28.endive',
    metadata: { shop: '7' },
  });
  assert.match(made.secret, /^whsec_/);
  const updated = await stripe.webhookEndpoints.update(made.id, { disabled: true });
  assert.deepEqual([updated.status, updated.secret], ['disabled', undefined]);
  const read = await stripe.webhookEndpoints.retrieve(made.id);
  assert.deepEqual(read.metadata, { shop: '7' });
  const list = await stripe.webhookEndpoints.list();
  assert.deepEqual(list.data.map(({ id }) => id), [made.id, endpoint.id]);
  const deleted = await stripe.webhookEndpoints.del(made.id);
  assert.equal(deleted.deleted, true);
});

test('event destinations', async () => {
  const made = await stripe.v2.core.eventDestinations.create({
    name: 'Shop',
    type: 'webhook_endpoint',
    event_payload: 'thin',
    enabled_events: ['v1.payment_intent.succeeded'],
    webhook_endpoint: { url: 'https://shop.example/thin' },
    include: ['webhook_endpoint.url'],
  });
  assert.equal(made.webhook_endpoint.url, 'https://shop.example/thin');
  const read = await stripe.v2.core.eventDestinations.retrieve(made.id);
  assert.equal(read.webhook_endpoint.url, undefined);
  const list = await stripe.v2.core.eventDestinations.list({ include: ['webhook_endpoint.url'] });
  const urls = list.data.map((one) => one.webhook_endpoint.url);
  assert.deepEqual(urls, ['https://shop.example/webhook', 'https://shop.example/thin']);
});

test('Checkout Session that is declined, then paid', async () => {
  const made = await stripe.checkout.sessions.create({
    ...page,
    client_reference_id: 'order-1',
    customer_email: 'ann@example.com',
    metadata: { order: '1' },
    payment_intent_data: { metadata: { order: '1' }, description: 'Two books' },
  });
  assert.deepEqual([made.amount_total, made.payment_intent], [1050, null]);
  await submit(made.url, { card: '4000 0000 0000 9995' });
  const expand = ['payment_intent.latest_charge'];
  const declined = await stripe.checkout.sessions.retrieve(made.id, { expand });
  const { last_payment_error: error, latest_charge: failed } = declined.payment_intent;
  assert.equal(error.decline_code, 'insufficient_funds');
  assert.equal(error.payment_method.card.last4, '9995');
  assert.deepEqual([failed.status, failed.failure_code], ['failed', 'card_declined']);
  await submit(made.url, { card: '4242 4242 4242 4242' });
  const paid = await stripe.checkout.sessions.retrieve(made.id, { expand });
  assert.deepEqual([paid.status, paid.payment_status, paid.url], ['complete', 'paid', null]);
  assert.equal(paid.customer_details.email, 'ann@example.com');
  assert.equal(paid.payment_intent.amount_received, 1050);
  assert.equal(paid.payment_intent.metadata.order, '1');
  assert.notEqual(paid.payment_intent.latest_charge.id, failed.id);
  const of = { payment_intent: paid.payment_intent.id };
  const charges = await stripe.charges.list({ ...of, expand: ['data.payment_intent'] });
  assert.deepEqual(charges.data.map(({ status }) => status), ['succeeded', 'failed']);
  assert.equal(charges.data[0].payment_intent.id, paid.payment_intent.id);
  const sessions = await stripe.checkout.sessions.list(of);
  assert.deepEqual(sessions.data.map(({ id }) => id), [made.id]);
});

test('Checkout Session that expires, and one with a voucher', async () => {
  const made = await stripe.checkout.sessions.create(page);
  const expired = await stripe.checkout.sessions.expire(made.id);
  assert.equal(expired.status, 'expired');
  await assert.rejects(stripe.checkout.sessions.expire(made.id), errors.StripeInvalidRequestError);
  const other = await stripe.checkout.sessions.create(page);
  await submit(other.url, { card: 'voucher' });
  const waiting = await stripe.checkout.sessions.retrieve(other.id, { expand: ['payment_intent'] });
  assert.deepEqual([waiting.status, waiting.payment_status], ['complete', 'unpaid']);
  const { next_action: action } = waiting.payment_intent;
  await submit(action.oxxo_display_details.hosted_voucher_url, { outcome: 'pay' });
  const paid = await stripe.checkout.sessions.retrieve(other.id);
  assert.equal(paid.payment_status, 'paid');
});

test('PaymentIntent: create, confirm, authenticate', async () => {
  const made = await stripe.paymentIntents.create({
    amount: 1050,
    currency: 'eur',
    automatic_payment_methods: { enabled: true },
    metadata: { order: '2' },
  });
  assert.equal(made.status, 'requires_payment_method');
  const waiting = await stripe.paymentIntents.confirm(made.id, {
    payment_method: 'pm_card_authenticationRequired',
    return_url: 'https://shop.example/back',
  });
  assert.equal(waiting.status, 'requires_action');
  const { url, return_url: back } = waiting.next_action.redirect_to_url;
  assert.equal(back, 'https://shop.example/back');
  await submit(url, { outcome: 'succeed' });
  const expand = ['latest_charge', 'payment_method'];
  const paid = await stripe.paymentIntents.retrieve(made.id, { expand });
  assert.deepEqual([paid.status, paid.latest_charge.paid], ['succeeded', true]);
  assert.equal(paid.payment_method.card.brand, 'visa');
  const stored = await stripe.paymentIntents.create({
    amount: 700,
    currency: 'usd',
    payment_method: 'pm_card_mastercard',
  });
  assert.equal(stored.status, 'requires_confirmation');
  assert.equal((await stripe.paymentIntents.confirm(stored.id)).status, 'succeeded');
});

test('PaymentIntent: capture a part, cancel', async () => {
  const authorised = await pay({ capture_method: 'manual', expand: ['latest_charge'] });
  assert.deepEqual([authorised.status, authorised.amount_capturable], ['requires_capture', 1050]);
  assert.equal(authorised.latest_charge.captured, false);
  const captured = await stripe.paymentIntents.capture(authorised.id, { amount_to_capture: 900 });
  assert.deepEqual([captured.status, captured.amount_received], ['succeeded', 900]);
  const other = await pay({ capture_method: 'manual' });
  const canceled = await stripe.paymentIntents.cancel(other.id, { cancellation_reason: 'abandoned' });
  assert.deepEqual([canceled.status, canceled.cancellation_reason], ['canceled', 'abandoned']);
  assert.equal(typeof canceled.canceled_at, 'number');
  await assert.rejects(stripe.paymentIntents.cancel(other.id), {
    code: 'payment_intent_unexpected_state',
  });
});

test('declined card is a StripeCardError', async () => {
  await assert.rejects(pay({ payment_method: 'pm_card_chargeDeclined' }), (error) => {
    assert(error instanceof errors.StripeCardError);
    assert.deepEqual([error.code, error.decline_code], ['card_declined', 'generic_decline']);
    assert.equal(error.statusCode, 402);
    assert.equal(error.payment_intent.status, 'requires_payment_method');
    assert.equal(error.payment_method.card.last4, '0002');
    assert.equal(error.payment_intent.latest_charge, error.charge);
    assert.match(error.doc_url, /card-declined$/);
    assert.match(error.raw.request_log_url, new RegExp(`${error.requestId}$`));
    return true;
  });
});

test('refunds', async () => {
  const { id: payment_intent, latest_charge: charge } = await pay();
  const part = await stripe.refunds.create({
    payment_intent,
    amount: 50,
    reason: 'duplicate',
    metadata: { why: 'twice' },
  });
  assert.deepEqual([part.status, part.reason, part.charge], ['succeeded', 'duplicate', charge]);
  const rest = await stripe.refunds.create({ charge, expand: ['charge', 'payment_intent'] });
  assert.equal(rest.amount, 1000);
  assert.equal(rest.charge.refunded, true);
  const read = await stripe.charges.retrieve(charge, { expand: ['refunds'] });
  assert.deepEqual(read.refunds.data.map(({ id }) => id), [rest.id, part.id]);
  const list = await stripe.refunds.list({ charge, limit: 1 });
  assert.deepEqual([list.data[0].id, list.has_more], [rest.id, true]);
  assert.equal((await stripe.refunds.retrieve(part.id)).metadata.why, 'twice');
  await assert.rejects(stripe.refunds.create({ charge }), { code: 'charge_already_refunded' });
});

test('disputes', async () => {
  const { id: payment_intent, latest_charge: charge } = await pay({
    payment_method: 'pm_card_createDispute',
  });
  for (const filter of [{ payment_intent }, { charge }]) {
    const expand = ['data.charge', 'data.payment_intent'];
    const { data } = await stripe.disputes.list({ ...filter, expand });
    assert.equal(data.length, 1);
    assert.deepEqual([data[0].charge.disputed, data[0].payment_intent.id], [true, payment_intent]);
    const read = await stripe.disputes.retrieve(data[0].id);
    assert.deepEqual([read.status, read.amount], ['needs_response', 1050]);
  }
});

test('pages in both directions, and all at once', async () => {
  for (let number = 0; number < 12; number += 1) await pay({ amount: 1000 + number });
  const amounts = ({ data }) => data.map(({ amount }) => amount - 1000);
  const first = await stripe.paymentIntents.list({ limit: 3 });
  assert.deepEqual([amounts(first), first.has_more], [[11, 10, 9], true]);
  const next = { limit: 3, starting_after: first.data[2].id };
  const second = await stripe.paymentIntents.list(next);
  assert.deepEqual(amounts(second), [8, 7, 6]);
  const before = { limit: 3, ending_before: second.data[0].id };
  assert.deepEqual(amounts(await stripe.paymentIntents.list(before)), [11, 10, 9]);
  const all = await stripe.paymentIntents.list({ limit: 5 }).autoPagingToArray({ limit: 1000 });
  assert(all.length > 12);
  assert.equal(new Set(all.map(({ id }) => id)).size, all.length);
  const none = await stripe.paymentIntents.list({ created: { lt: 1_000_000_000 } });
  assert.equal(none.data.length, 0);
});

test('events', async () => {
  const paid = await pay();
  const types = ['payment_intent.created', 'payment_intent.succeeded'];
  const { data } = await stripe.events.list({ types, limit: 2 });
  assert.deepEqual(data.map(({ type }) => type), ['payment_intent.succeeded', types[0]]);
  assert.equal(data[0].data.object.id, paid.id);
  assert.equal(data[0].request.id, paid.lastResponse.requestId);
  assert.deepEqual((await stripe.events.retrieve(data[0].id)).data, data[0].data);
});

test('idempotency', async () => {
  const payment = { amount: 1050, currency: 'usd', payment_method: 'pm_card_visa', confirm: true };
  const options = { idempotencyKey: 'order-3' };
  const first = await stripe.paymentIntents.create(payment, options);
  const again = await stripe.paymentIntents.create(payment, options);
  assert.equal(again.id, first.id);
  assert.equal(again.lastResponse.headers['idempotent-replayed'], 'true');
  assert.equal(again.lastResponse.headers['original-request'], first.lastResponse.requestId);
  const other = stripe.paymentIntents.create({ ...payment, amount: 1051 }, options);
  await assert.rejects(other, errors.StripeIdempotencyError);
  const declined = { ...payment, payment_method: 'pm_card_chargeDeclined' };
  const failures = [];
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const create = stripe.paymentIntents.create(declined, { idempotencyKey: 'order-4' });
    failures.push(await create.catch((error) => error.charge));
  }
  assert.match(failures[0], /^ch_/);
  assert.equal(failures[0], failures[1]);
});

test('errors', async () => {
  const wrongKey = clientOf(fake, 'sk_test_51Invalid').paymentIntents.list();
  await assert.rejects(wrongKey, errors.StripeAuthenticationError);
  const restricted = clientOf(fake, 'rk_test_51WithoutRefund').refunds.list();
  await assert.rejects(restricted, errors.StripePermissionError);
  const missing = await stripe.paymentIntents.retrieve('pi_missing').catch((error) => error);
  assert(missing instanceof errors.StripeInvalidRequestError);
  assert.deepEqual([missing.statusCode, missing.code], [404, 'resource_missing']);
  const unknown = await stripe.refunds.list({ colour: 'red' }).catch((error) => error);
  assert.deepEqual([unknown.code, unknown.param], ['parameter_unknown', 'colour']);
  const small = await pay({ amount: 10 }).catch((error) => error);
  assert.deepEqual([small.code, small.param], ['amount_too_small', 'amount']);
  const expanded = await stripe.refunds.list({ expand: ['data.amount'] }).catch((error) => error);
  assert.match(expanded.message, /cannot be expanded/);
  const busy = await startFake('--trouble', 'busy');
  const limited = clientOf(busy).events.list();
  await assert.rejects(limited.finally(() => busy.stop()), errors.StripeRateLimitError);
});

test('triggered events, and the signature of every delivery', async () => {
  const events = [
    ['payment_intent.created'],
    ['payment_intent.succeeded', 'amount=500', 'metadata.order=7'],
    ['payment_intent.payment_failed', 'amount=500'],
    ['payment_intent.requires_action'],
    ['payment_intent.processing'],
    ['payment_intent.canceled'],
    ['payment_intent.amount_capturable_updated'],
    ['checkout.session.completed', 'currency=eur'],
    ['checkout.session.expired'],
    ['checkout.session.async_payment_succeeded'],
    ['checkout.session.async_payment_failed'],
    ['charge.refunded', 'amount_refunded=300'],
    ['refund.created'],
    ['refund.failed'],
    ['charge.dispute.created'],
    ['charge.dispute.closed', 'status=won'],
  ];
  for (const [event, ...overrides] of events) {
    const { event: happened, deliveries } = await trigger(fake, event, ...overrides);
    assert.deepEqual(deliveries.map(({ status }) => status), [200], event);
    const read = await stripe.events.retrieve(happened.id);
    assert.deepEqual(JSON.parse(JSON.stringify(read.data)), happened.data);
  }
  assert(shop.deliveries.length > 50);
  for (const { signature, body } of shop.deliveries) {
    const event = stripe.webhooks.constructEvent(body, signature, endpoint.secret);
    bodies.push(JSON.parse(body));
    const altered = body.toString().replace(event.id, 'evt_other');
    const verify = () => stripe.webhooks.constructEvent(altered, signature, endpoint.secret);
    assert.throws(verify, errors.StripeSignatureVerificationError);
  }
});
