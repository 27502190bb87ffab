// A payment plugin in JavaScript that implements the whole contract. Its provider, Quechua Pay, is invented.

import { send } from 'brain-studio:payments/http@0.3.0';

// The engine's own SHA-256 only answers asynchronously, and the contract's functions do not wait.
import { hmac } from './node_modules/@noble/hashes/hmac.js';
import { sha256 } from './node_modules/@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, utf8ToBytes } from './node_modules/@noble/hashes/utils.js';

const API = { test: 'https://api.test.quechua.example', live: 'https://api.quechua.example' };
const PAGES = 'https://pay.quechua.example';
// How far the time of a signature may be from the host's clock, in seconds. Source: Quechua Pay's documentation.
const TOLERANCE = 300;
// No delivery of Quechua Pay is larger, in bytes. An interpreter could not sign 1 MiB in the time of a call.
const LARGEST_DELIVERY = 64 << 10;
const encoded = encodeURIComponent;

const TRY_AGAIN = 'Wait a minute and try again.';
const REPEAT = 'Repeat it with the same reference: that is safe and never charges twice.';
const COPY_THE_KEY = 'In Quechua Pay, open Settings, copy the API key, and install with it.';
const COPY_THE_SECRET =
  'In Quechua Pay, open Webhooks, copy the signing secret, and install again with it.';

const problem = (code, message, step) => ({ code, message, remedy: [step] });

// What is thrown is the error of a result.
const error = (tag, code, message, step) => ({ tag, val: problem(code, message, step) });

// What Quechua Pay's own codes mean.
const REFUSALS = {
  already_paid: ['payment-already-paid', 'The payment is paid.', 'To return the money, refund it.'],
  not_paid: ['payment-not-paid', 'The payment is not paid.', 'Wait until the customer has paid.'],
  already_refunded: [
    'payment-already-refunded',
    'All of it is refunded.',
    'You do not have to do anything.',
  ],
  amount_invalid: [
    'amount-invalid',
    'Quechua Pay does not take this amount.',
    'Give another amount.',
  ],
  currency_invalid: [
    'currency-invalid',
    'Quechua Pay does not take this currency.',
    'Use another currency.',
  ],
};

// Sends a request, and reads its answer. The host adds the key. A change has a body, and an idempotency key if it may
// not happen twice.
function ask(mode, path, read, body, key) {
  const isWrite = body !== undefined;
  const headers = [['content-type', 'application/json']];
  if (key !== undefined) headers.push(['idempotency-key', key]);
  const content = isWrite ? utf8ToBytes(JSON.stringify(body)) : new Uint8Array();
  const request = { method: isWrite ? 'POST' : 'GET', url: API[mode] + path, headers, body: content };
  const [answer] = send([request]);
  if (answer.tag === 'err') throw noAnswer(answer.val, isWrite);
  const { status } = answer.val;
  let code;
  try {
    const said = parse(answer.val.body);
    if (status >= 200 && status < 300) return read(said);
    code = said.code.toString();
  } catch {
    // Not an answer of Quechua Pay's.
  }
  throw refusal(status, code, isWrite);
}

const parse = (body) => JSON.parse(new TextDecoder().decode(body));

// The error for an answer that is no success, or cannot be read. It has no code then.
function refusal(status, code, isWrite) {
  if (status === 401) {
    const message = 'Quechua Pay does not accept this API key.';
    return error('invalid-credentials', 'key-rejected', message, COPY_THE_KEY);
  }
  if (status === 403) {
    const message = 'The API key lacks a permission.';
    return error('permission-missing', 'permission-missing', message, COPY_THE_KEY);
  }
  if (status === 404) {
    const message = 'Quechua Pay does not have it in this account and mode.';
    return error('not-found', 'payment-not-found', message, 'Check its id.');
  }
  if (status === 429) {
    const message = 'Quechua Pay is receiving too many requests at the moment. Nothing was changed.';
    return error('unavailable', 'provider-busy', message, TRY_AGAIN);
  }
  if (code === 'key_reused') {
    const message = 'The reference was used for another request.';
    return error('key-spent', 'reference-used', message, 'Use another reference.');
  }
  if (status >= 400 && status < 500 && code !== undefined) {
    const own = Object.hasOwn(REFUSALS, code) ? REFUSALS[code] : undefined;
    const otherwise = ['provider-refused', 'Quechua Pay refused the request.', 'Change the request, and try again.'];
    return error('refused', ...(own ?? otherwise));
  }
  if (isWrite) return outcomeUnknown();
  if (status >= 500) {
    const message = 'Quechua Pay has a problem of its own at the moment.';
    return error('unavailable', 'provider-error', message, TRY_AGAIN);
  }
  const message = "Quechua Pay's answer could not be read.";
  return error('other', 'provider-answer-unreadable', message, TRY_AGAIN);
}

// The error for a request without an answer. What was not sent had no effect.
function noAnswer(failure, isWrite) {
  if (failure.requestSent && isWrite) return outcomeUnknown();
  if (failure.kind === 'denied') {
    const message = 'The marketplace did not allow the request.';
    return error('other', 'call-denied', message, "Tell the marketplace's support.");
  }
  const message = 'Quechua Pay could not be reached.';
  return error('unavailable', 'provider-unreachable', message, TRY_AGAIN);
}

function outcomeUnknown() {
  const message = 'No answer came from Quechua Pay. The request may have been carried out.';
  return error('unknown-outcome', 'outcome-unknown', message, REPEAT);
}

const isId = (id) => typeof id === 'string' && /^[a-z0-9-]{1,64}$/.test(id);

// An id that may become a part of a URL.
function knownId(id, code) {
  if (!isId(id)) throw error('not-found', code, 'Quechua Pay has no such id.', 'Check the id.');
  return id;
}

// What this workspace has written on a payment or a refund. Another workspace may use the same account.
function ours(installation, thing, name) {
  return ['', thing.workspace].includes(installation.workspace) ? thing[name] : undefined;
}

function payment(installation, said) {
  const statuses = { paid: 'approved', declined: 'rejected', canceled: 'canceled' };
  const declined = problem(
    'payment-failed',
    'The card was declined.',
    'Ask the customer to try another card.',
  );
  let awaits = { tag: 'provider', val: 'Quechua Pay is processing the payment.' };
  if (['open', 'declined'].includes(said.status)) awaits = { tag: 'customer', val: { url: said.page } };
  if (['paid', 'canceled'].includes(said.status)) awaits = { tag: 'nothing' };
  return {
    id: said.id,
    aliases: [said.id],
    reference: ours(installation, said, 'reference'),
    attemptId: ours(installation, said, 'attempt'),
    mode: said.mode === 'live' ? 'live' : 'test',
    // A status that is not known decides nothing.
    status: Object.hasOwn(statuses, said.status) ? statuses[said.status] : 'pending',
    providerStatus: said.status,
    amount: { minorUnits: BigInt(said.amount), currency: said.currency },
    received: BigInt(said.received),
    refunded: BigInt(said.refunded),
    failure: said.failure ? declined : undefined,
    awaits,
    disputes: [],
    createdAt: BigInt(said.created),
    extras: [],
  };
}

function refund(installation, said) {
  const failed = problem(
    'refund-failed',
    'The bank refused the refund.',
    'Return the money in another way.',
  );
  const isKnown = ['succeeded', 'failed'].includes(said.status);
  return {
    id: said.id,
    payment: said.payment,
    reference: ours(installation, said, 'reference'),
    attemptId: ours(installation, said, 'attempt'),
    status: isKnown ? { tag: said.status } : { tag: 'other', val: said.status },
    amount: { minorUnits: BigInt(said.amount), currency: said.currency },
    failure: said.status === 'failed' ? failed : undefined,
    createdAt: BigInt(said.created),
  };
}

function event(installation, said) {
  const subject = said.payment
    ? { tag: 'payment', val: payment(installation, said.payment) }
    : { tag: 'refund', val: refund(installation, said.refund) };
  const { id, type: eventType, at } = said;
  return { id, eventType, occurredAt: BigInt(at), subject, authority: 'signed' };
}

const sign = (secret, time, body) =>
  bytesToHex(hmac(sha256, utf8ToBytes(secret), concatBytes(utf8ToBytes(`${time}.`), body)));

// The length may be known, the content is compared in constant time.
function isEqual(a, b) {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i += 1) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}

// Verifies the signature first, and then its age. The header is TIME.HMAC.
function verify(secrets, header, body, now) {
  const found = /^([0-9]{1,12})\.([0-9a-f]{64})$/.exec(header);
  if (!found) {
    const code = header ? 'signature-malformed' : 'signature-missing';
    const message = 'The delivery has no signature that can be read.';
    throw error('refused', code, message, 'Let proxies pass the headers on unchanged.');
  }
  const [, time, signature] = found;
  // A blank secret is none: anybody can sign with it.
  if (!secrets.some((secret) => secret && isEqual(sign(secret, time, body), signature))) {
    const message =
      'The delivery was not signed with a known signing secret, or was changed on the way.';
    throw error('unverified', 'signature-mismatch', message, COPY_THE_SECRET);
  }
  const age = Number(now) - Number(time);
  if (Math.abs(age) > TOLERANCE) {
    const code = age > 0 ? 'timestamp-too-old' : 'timestamp-in-future';
    const message = 'The delivery was signed more than five minutes away from now.';
    throw error('refused', code, message, 'Check the clock of the computer that receives it.');
  }
}

const credential = (name, label, role, pattern, help) => ({
  name,
  label,
  help,
  required: true,
  secret: true,
  role,
  rules: [{ pattern, meaning: { tag: 'accepted', val: { kind: 'any' } } }],
});

const readAccount = (mode) => ask(mode, '/account', (said) => said.id.toString());

const given = (credentials) =>
  credentials.map((one) => one.signingSecret).filter((secret) => secret !== undefined);

export const paymentProvider = {
  describe: () => ({
    providerId: 'QUECHUA',
    name: 'Quechua Pay',
    category: 'payments',
    version: '1.0.0',
    credentials: [
      credential('api-key', 'API key', 'authorization', '^(test|live)-key-[a-z-]+$', COPY_THE_KEY),
      credential('webhook-secret', 'signing secret', 'signing-secret', '^.{8,}$', COPY_THE_SECRET),
    ],
    modeSource: 'merchant',
    events: ['payment.paid', 'payment.declined', 'payment.canceled', 'refund.updated'],
    origins: Object.entries(API).map(([mode, url]) => ({
      url,
      mode,
      authorization: { tag: 'bearer', val: 'api-key' },
    })),
    customerOrigins: [PAGES],
    signatureHeaders: ['quechua-signature'],
    permissions: [],
    repeat: { statuses: [429, 503] },
    allotment: {},
    extras: [],
  }),

  install(context, request) {
    const { test, live } = request.webhookUrls.installation;
    return {
      installationId: request.installationId,
      workspace: request.workspace,
      mode: request.mode,
      account: readAccount(request.mode),
      webhook: {
        url: request.mode === 'test' ? test : live,
        owner: 'merchant',
        verification: 'by-plugin',
        signingSecrets: given(request.credentials),
      },
      extras: [],
    };
  },

  repair(context, installation, request) {
    if (readAccount(installation.mode) !== installation.account) {
      const message = 'The API key belongs to another account than the installed one.';
      const step = 'Uninstall, and install again with the new key.';
      throw error('refused', 'account-mismatch', message, step);
    }
    const changed = given(request.credentials.filter((one) => one.changed));
    const known = installation.webhook.signingSecrets;
    // The one before stays valid: deliveries are still under way.
    const signingSecrets = [...new Set([...changed, ...known])].slice(0, 2);
    const webhook = { ...installation.webhook, signingSecrets };
    return { installation: { ...installation, webhook }, changes: [] };
  },

  uninstall: () => {},

  reportStatus(context, installation) {
    const check = (verdict, { message, remedy }) => ({ checks: [{ id: 'key', verdict, message, remedy }] });
    try {
      readAccount(installation.mode);
    } catch ({ tag, val }) {
      return check(tag === 'invalid-credentials' ? 'fail' : 'unknown', val);
    }
    return check('pass', { message: 'Quechua Pay accepts the API key.', remedy: [] });
  },

  createPayment(context, installation, request) {
    if (!/^[^\u0000-\u001f\u007f-\u009f]{1,200}$/u.test(request.reference)) {
      const message = 'A reference has 1 to 200 printable characters.';
      throw error('refused', 'reference-invalid', message, 'Use another reference.');
    }
    if (request.captureMethod === 'manual') {
      const message = 'Quechua Pay takes the money at once.';
      const step = 'Ask for the payment without a later capture.';
      throw error('refused', 'not-implemented', message, step);
    }
    const body = {
      reference: request.reference,
      attempt: request.attemptId,
      workspace: installation.workspace,
      // As a text: a number of JSON is not exact above 2^53.
      amount: request.amount.minorUnits.toString(),
      currency: request.amount.currency,
      return: request.successUrl,
    };
    const read = (said) => payment(installation, said);
    return ask(installation.mode, '/payments', read, body, request.idempotencyKey);
  },

  findPayment(context, installation, search) {
    const query = `attempt=${encoded(search.attemptId)}&workspace=${encoded(installation.workspace)}`;
    const read = (said) => said.data.map((one) => payment(installation, one));
    const [found] = ask(installation.mode, `/payments?${query}`, read);
    return found ? { tag: 'found', val: found } : { tag: 'absent' };
  },

  getPayment(context, installation, id) {
    const path = `/payments/${knownId(id, 'payment-not-found')}`;
    return ask(installation.mode, path, (said) => payment(installation, said));
  },

  completePayment(context, installation, request) {
    const read = paymentProvider.getPayment(context, installation, request.payment);
    if (read.status !== 'approved') {
      const message = 'Payments of Quechua Pay are completed by the customer.';
      throw error('refused', 'payment-not-completable', message, 'Wait until the customer has paid.');
    }
    return read;
  },

  cancelPayment(context, installation, id) {
    const path = `/payments/${knownId(id, 'payment-not-found')}/cancel`;
    return ask(installation.mode, path, (said) => payment(installation, said), {});
  },

  refundPayment(context, installation, request) {
    const body = {
      payment: knownId(request.payment, 'payment-not-found'),
      reference: request.reference,
      attempt: request.attemptId,
      workspace: installation.workspace,
      amount: request.minorUnits === undefined ? null : request.minorUnits.toString(),
    };
    const read = (said) => refund(installation, said);
    return ask(installation.mode, '/refunds', read, body, request.idempotencyKey);
  },

  findRefund(context, installation, search) {
    const id = knownId(search.payment, 'payment-not-found');
    const workspace = encoded(installation.workspace);
    const query = `payment=${id}&attempt=${encoded(search.attemptId)}&workspace=${workspace}`;
    const read = (said) => said.data.map((one) => refund(installation, one));
    const [found] = ask(installation.mode, `/refunds?${query}`, read);
    return found ? { tag: 'found', val: found } : { tag: 'absent' };
  },

  getRefund(context, installation, id) {
    const path = `/refunds/${knownId(id, 'refund-not-found')}`;
    return ask(installation.mode, path, (said) => refund(installation, said));
  },

  identifyWebhook(context, request) {
    try {
      // Anybody can send one.
      const { id } = parse(request.body).payment;
      return { payment: isId(id) ? id : undefined };
    } catch {
      return {};
    }
  },

  handleWebhook(context, installation, request) {
    if (request.body.length > LARGEST_DELIVERY) {
      const message = 'The delivery is larger than those of Quechua Pay.';
      throw error('refused', 'body-malformed', message, 'Look at the payment in Quechua Pay.');
    }
    const headers = request.headers.filter(([name]) => name === 'quechua-signature');
    const header = headers.length === 1 ? headers[0][1] : '';
    verify(installation.webhook.signingSecrets, header, request.body, context.now);
    try {
      const happened = event(installation, parse(request.body));
      return { tag: 'event', val: { verified: true, event: happened } };
    } catch {
      const message = 'The delivery is genuine, but it cannot be read.';
      throw error('refused', 'body-malformed', message, 'Look at the payment in Quechua Pay.');
    }
  },

  listEvents(context, installation, query) {
    const after = query.cursor === undefined ? '' : `&after=${encoded(query.cursor)}`;
    const path = `/events?since=${query.since}&limit=${query.limit}${after}`;
    return ask(installation.mode, path, (said) => ({
      events: said.data.map((one) => event(installation, one)),
      cursor: said.more ? said.data[said.data.length - 1].id : undefined,
      asOf: BigInt(said.now),
    }));
  },
};
