// Checks each object that the fake has sent against the types of Stripe's official package for Node: every
// field that is always sent is there, each field has a type and a value that it may have, and none is invented.

import { readFileSync, writeFileSync } from 'node:fs';

import ts from 'typescript';

/** The type of each kind of object. Each must be among what the fake has sent. */
const TYPES = {
  account: 'Stripe.Account',
  charge: 'Stripe.Charge',
  'checkout.session': 'Stripe.Checkout.Session',
  dispute: 'Stripe.Dispute',
  error: 'Stripe.StripeRawError',
  event: 'Stripe.Event',
  list: 'Stripe.ApiList<unknown>',
  payment_intent: 'Stripe.PaymentIntent',
  refund: 'Stripe.Refund',
  'v2.core.event_destination': 'Stripe.V2.Core.EventDestination',
  webhook_endpoint: 'Stripe.WebhookEndpoint',
  'deleted webhook_endpoint': 'Stripe.DeletedWebhookEndpoint',
};

const source = Object.entries(TYPES).map(([kind, type]) => `${JSON.stringify(kind)}: ${type};`);
writeFileSync('objects.ts', `import Stripe from 'stripe';\nexport declare const o: {${source}};\n`);
const program = ts.createProgram(['objects.ts'], {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  skipLibCheck: true,
  strict: true,
  target: ts.ScriptTarget.ES2022,
  types: [],
});
const file = program.getSourceFile('objects.ts');
const [error] = program.getSemanticDiagnostics(file);
if (error) throw new Error(ts.flattenDiagnosticMessageText(error.messageText, '\n'));
const checker = program.getTypeChecker();
const [exported] = checker.getExportsOfModule(checker.getSymbolAtLocation(file));
const types = new Map(
  checker
    .getPropertiesOfType(checker.getTypeOfSymbol(exported))
    .map((property) => [property.name, checker.getTypeOfSymbol(property)]),
);

const membersOf = (type) => (type.isUnion() ? type.types : [type]);
const nameOf = (type) => checker.typeToString(type);
const has = (type, flag) => (type.flags & flag) !== 0;
// An open union, such as OtherString: any other text is allowed, but only Stripe may send one.
const isOpenString = (type) => type.isIntersection();

/** What is wrong with a value: a list of sentences that begin with the path. */
function problemsOf(value, type, path) {
  const members = membersOf(type).filter((member) => !isOpenString(member));
  if (members.some((member) => has(member, ts.TypeFlags.Any | ts.TypeFlags.Unknown))) return [];
  if (value === null) {
    return members.some((member) => has(member, ts.TypeFlags.Null)) ? [] : [`${path}: is null`];
  }
  if (typeof value !== 'object') {
    const literals = members.filter((member) => member.isStringLiteral());
    const fits = members.some((member) => fitsLiteral(value, member, literals.length > 0));
    const names = literals.length > 0 ? literals.map((literal) => literal.value) : members.map(nameOf);
    return fits ? [] : [`${path}: is ${JSON.stringify(value)}, and not ${names.join(' or ')}`];
  }
  const arrays = members.filter((member) => checker.isArrayType(member));
  if (Array.isArray(value)) {
    if (arrays.length === 0) return [`${path}: is an array`];
    const [element] = checker.getTypeArguments(arrays[0]);
    return value.flatMap((one, index) => problemsOf(one, element, `${path}[${index}]`));
  }
  const objects = members.filter(
    (member) => has(member, ts.TypeFlags.Object) && !arrays.includes(member),
  );
  if (objects.length === 0) return [`${path}: is an object`];
  // Of several types it is the one that its `object` or `type` tells; failing that, the nearest one.
  const told = objects.filter((object) => isTold(value, object));
  const attempts = (told.length > 0 ? told : objects).map((object) =>
    problemsOfObject(value, object, path),
  );
  return attempts.reduce((best, attempt) => (attempt.length < best.length ? attempt : best));
}

function fitsLiteral(value, type, hasLiterals) {
  if (type.isStringLiteral()) return value === type.value;
  if (type.isNumberLiteral()) return value === type.value;
  if (has(type, ts.TypeFlags.BooleanLiteral)) return String(value) === nameOf(type);
  if (typeof value === 'boolean') return has(type, ts.TypeFlags.Boolean);
  if (typeof value === 'number') return has(type, ts.TypeFlags.Number);
  // Where some texts are named, one of them is expected.
  return has(type, ts.TypeFlags.String) && !hasLiterals;
}

function isTold(value, type) {
  return ['object', 'type'].every((name) => {
    const property = type.getProperty(name);
    if (!property || !(name in value)) return true;
    const literals = membersOf(checker.getTypeOfSymbol(property)).filter((t) => t.isStringLiteral());
    return literals.length === 0 || literals.some((literal) => literal.value === value[name]);
  });
}

function problemsOfObject(value, type, path) {
  const problems = [];
  for (const property of checker.getPropertiesOfType(type)) {
    const isOptional = (property.flags & ts.SymbolFlags.Optional) !== 0;
    if (!(property.name in value) && !isOptional) {
      problems.push(`${path}.${property.name}: is missing`);
    }
  }
  const ofOthers = checker.getIndexInfosOfType(type)[0]?.type;
  for (const [name, field] of Object.entries(value)) {
    const property = type.getProperty(name);
    const fieldType = property ? checker.getTypeOfSymbol(property) : ofOthers;
    if (fieldType) problems.push(...problemsOf(field, fieldType, `${path}.${name}`));
    else problems.push(`${path}.${name}: Stripe has no such field`);
  }
  return problems;
}

const kindOf = (body) => (body.deleted ? `deleted ${body.object}` : (body.object ?? 'error'));
const seen = new Map();

/** Checks a body; of a list, each object. */
function check(body) {
  if (body.error) return problemsOfKind(body.error);
  if (Array.isArray(body.data)) {
    // A list of version 2 says no kind.
    const problems = body.object ? problemsOfKind(body) : [];
    return problems.concat(body.data.flatMap(check));
  }
  return problemsOfKind(body);
}

function problemsOfKind(body) {
  const kind = kindOf(body);
  seen.set(kind, [...(seen.get(kind) ?? []), body]);
  const type = types.get(kind);
  if (!type) return [`${kind}: is of no known kind`];
  return problemsOf(body, type, kind === 'event' ? `event ${body.type}` : kind);
}

/** Changes a copy of an object that is right: what was changed must be found. */
function selfTest(kind, path, change) {
  const [body] = seen.get(kind);
  const copy = structuredClone(body);
  change(copy);
  const found = problemsOfKind(copy);
  if (found.length !== 1 || !found[0].startsWith(`${path}: `)) {
    throw new Error(`The check does not find that ${path} is wrong: ${JSON.stringify(found)}`);
  }
}

const bodies = JSON.parse(readFileSync('bodies.json', 'utf8'));
const problems = new Set(bodies.flatMap(check));
const counts = [...seen].map(([kind, all]) => `${kind} ${all.length}`).sort();
for (const kind of types.keys()) {
  if (!seen.has(kind)) problems.add(`${kind}: the fake has sent none`);
}
for (const problem of problems) console.error(problem);
if (problems.size > 0) {
  console.error(`${problems.size} differences from Stripe's types.`);
  process.exit(1);
}
for (const [kind, path, change] of [
  ['payment_intent', 'payment_intent.transfer_group', (o) => delete o.transfer_group],
  ['payment_intent', 'payment_intent.status', (o) => (o.status = 'paid')],
  ['payment_intent', 'payment_intent.amount', (o) => (o.amount = '10')],
  ['payment_intent', 'payment_intent.colour', (o) => (o.colour = null)],
  ['payment_intent', 'payment_intent.currency', (o) => (o.currency = null)],
  ['refund', 'refund.metadata.order', (o) => (o.metadata.order = 7)],
  ['checkout.session', 'checkout.session.automatic_tax.liability', (o) => delete o.automatic_tax.liability],
  ['checkout.session', 'checkout.session.total_details.amount_tip', (o) => (o.total_details.amount_tip = 1)],
  ['checkout.session', 'checkout.session.ui_mode', (o) => (o.ui_mode = 'hosted')],
  ['charge', 'charge.payment_method_details.card.last4', (o) => (o.payment_method_details.card.last4 = 42)],
  ['error', 'error.type', (o) => (o.type = 'no_such_error')],
  ['dispute', 'dispute.evidence.receipt', (o) => delete o.evidence.receipt],
]) {
  selfTest(kind, path, change);
}
console.log(`Every object agrees with Stripe's types: ${counts.join(', ')}.`);
