// A payment plugin in JavaScript, as small as the contract allows. Its provider, Quechua Pay, is invented.
//
// What it does not do is refused with a problem, so that a flow is told.

import { send } from 'brain-studio:payments/http@0.3.0';

// The engine's own SHA-256 only answers asynchronously, and the contract's functions do not wait.
import { hmac } from './node_modules/@noble/hashes/hmac.js';
import { sha256 } from './node_modules/@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from './node_modules/@noble/hashes/utils.js';

const API = 'https://api.quechua.example';

const problem = (code, message) => ({ code, message, remedy: [] });

// What is thrown is the error of a result.
const notMade = () => {
  throw { tag: 'refused', val: problem('not-implemented', 'This example does not do it.') };
};

const credential = (name, label, role) => ({
  name,
  label,
  help: `Paste the ${label}.`,
  required: true,
  secret: true,
  role,
  rules: [{ pattern: '^.{8,}$', meaning: { tag: 'accepted', val: { kind: 'any' } } }],
});

function payment(installation, paid) {
  const isPaid = paid.status === 'paid';
  const link = { url: `https://pay.quechua.example/${paid.id}` };
  return {
    id: paid.id,
    aliases: [paid.id],
    reference: paid.reference,
    attemptId: paid.attempt,
    mode: installation.mode,
    status: isPaid ? 'approved' : 'pending',
    providerStatus: paid.status,
    amount: { minorUnits: BigInt(paid.amount), currency: paid.currency },
    received: isPaid ? BigInt(paid.amount) : 0n,
    refunded: 0n,
    awaits: isPaid ? { tag: 'nothing' } : { tag: 'customer', val: link },
    disputes: [],
    createdAt: BigInt(paid.created),
    extras: [],
  };
}

// The length may be known, the content is compared in constant time.
function isEqual(a, b) {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i += 1) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}

export const paymentProvider = {
  describe: () => ({
    providerId: 'QUECHUA',
    name: 'Quechua Pay',
    category: 'payments',
    version: '1.0.0',
    credentials: [
      credential('api-key', 'API key', 'authorization'),
      credential('webhook-secret', 'signing secret', 'signing-secret'),
    ],
    modeSource: 'merchant',
    events: ['payment.paid'],
    origins: [{ url: API, authorization: { tag: 'bearer', val: 'api-key' } }],
    customerOrigins: ['https://pay.quechua.example'],
    signatureHeaders: ['quechua-signature'],
    permissions: [],
    repeat: { statuses: [429, 503] },
    allotment: {},
    extras: [],
  }),

  install(context, request) {
    const { test, live } = request.webhookUrls.installation;
    const given = request.credentials.map((one) => one.signingSecret);
    return {
      installationId: request.installationId,
      workspace: request.workspace,
      mode: request.mode,
      webhook: {
        url: request.mode === 'test' ? test : live,
        owner: 'merchant',
        verification: 'by-plugin',
        signingSecrets: given.filter((secret) => secret !== undefined),
      },
      extras: [],
    };
  },

  repair: (context, installation) => ({ installation, changes: [] }),
  uninstall: () => {},
  reportStatus: () => ({
    checks: [{ id: 'plugin', verdict: 'pass', message: 'The plugin answers.', remedy: [] }],
  }),

  createPayment(context, installation, request) {
    const body = {
      reference: request.reference,
      attempt: request.attemptId,
      amount: Number(request.amount.minorUnits),
      currency: request.amount.currency,
      return: request.successUrl,
    };
    const [answer] = send([
      {
        method: 'POST',
        url: `${API}/payments`,
        headers: [
          ['content-type', 'application/json'],
          ['idempotency-key', request.idempotencyKey],
        ],
        body: utf8ToBytes(JSON.stringify(body)),
      },
    ]);
    if (answer.tag === 'err') {
      if (!answer.val.requestSent) {
        throw { tag: 'unavailable', val: problem('not-sent', answer.val.message) };
      }
      throw { tag: 'unknown-outcome', val: problem('no-answer', 'The provider did not answer.') };
    }
    const { status, body: said } = answer.val;
    if (status !== 201) {
      throw { tag: 'refused', val: problem('provider-refused', `The provider answered ${status}.`) };
    }
    return payment(installation, JSON.parse(new TextDecoder().decode(said)));
  },

  findPayment: notMade,
  getPayment: notMade,
  completePayment: notMade,
  cancelPayment: notMade,
  refundPayment: notMade,
  findRefund: notMade,
  getRefund: notMade,

  identifyWebhook: () => ({}),

  handleWebhook(context, installation, request) {
    const header = request.headers.find(([name]) => name === 'quechua-signature');
    const given = header ? header[1] : '';
    const matches = (secret) =>
      isEqual(bytesToHex(hmac(sha256, utf8ToBytes(secret), request.body)), given);
    if (!installation.webhook.signingSecrets.some(matches)) {
      const why = problem('signature-mismatch', 'The signature does not match.');
      throw { tag: 'refused', val: why };
    }
    const event = JSON.parse(new TextDecoder().decode(request.body));
    return {
      tag: 'event',
      val: {
        verified: true,
        event: {
          id: event.id,
          eventType: event.type,
          occurredAt: BigInt(event.at),
          subject: { tag: 'payment', val: payment(installation, event.payment) },
          authority: 'signed',
        },
      },
    };
  },

  listEvents: (context) => ({ events: [], asOf: context.now }),
};
