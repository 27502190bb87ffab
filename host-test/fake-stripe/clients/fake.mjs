// Starts a fake Stripe and a shop that receives its webhooks, and records every body that the fake sends.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import Stripe from 'stripe';

const HOST_TEST = process.env.HOST_TEST;

/** A shop at https://shop.example, which the fake finds on this machine. */
export async function openShop() {
  const deliveries = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const signature = request.headers['stripe-signature'];
    deliveries.push({ signature, body: Buffer.concat(chunks) });
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${server.address().port}`;
  return { deliveries, origin, close: () => server.close() };
}

/** A running fake. It ends when `stop` is called. */
export async function startFake(...args) {
  const child = spawn(
    HOST_TEST,
    ['fake-stripe', '--listen', '127.0.0.1:0', '--json', ...args],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const [line] = await once(createInterface(child.stdout), 'line');
  const url = new URL(JSON.parse(line).listening);
  return { url, stop: () => child.kill() };
}

/** The bodies of every answer so far. */
export const bodies = [];

/** A client of a fake. What it receives is recorded as it was sent. */
export function clientOf(fake, key = 'sk_test_51Fake') {
  const httpClient = Stripe.createNodeHttpClient();
  const makeRequest = httpClient.makeRequest.bind(httpClient);
  httpClient.makeRequest = async (...request) => {
    const response = await makeRequest(...request);
    const toJSON = response.toJSON.bind(response);
    response.toJSON = async () => {
      const body = await toJSON();
      bodies.push(structuredClone(body));
      return body;
    };
    return response;
  };
  const { hostname: host, port } = fake.url;
  return new Stripe(key, { host, port, protocol: 'http', httpClient, maxNetworkRetries: 0 });
}

/** Triggers an event with the command. */
export async function trigger(fake, event, ...overrides) {
  const command = ['fake-stripe', 'trigger', event, '--at', fake.url.origin, '--json'];
  const args = overrides.flatMap((override) => ['--override', override]);
  const { stdout } = await promisify(execFile)(HOST_TEST, [...command, ...args]);
  const happened = JSON.parse(stdout);
  bodies.push(happened.event);
  return happened;
}
