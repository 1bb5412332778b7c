// The official Node client against a real server with an empty database, at ASSAY_ADDRESS (host:port).

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import { service as healthService } from 'grpc-health-check';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const address = process.env.ASSAY_ADDRESS;
assert.ok(address, 'ASSAY_ADDRESS must name the server, host:port');

const definition = protoLoader.loadSync(['assay/v1/lead.proto', 'assay/v1/scoring.proto', here('error_details.proto')], {
  includeDirs: [here('../../../proto')],
  keepCase: true, // field names as in proto/ and in the field paths of errors
  longs: Number, // points, head counts and revisions are far below 2^53, and sums need numbers
  enums: String,
  defaults: true, // a zero arrives as 0, not as undefined
  oneofs: true, // `result` tells which of its fields is set
  json: true, // the details of a google.rpc.Status arrive decoded, with an "@type"
});
const { LeadService, ScoringService } = grpc.loadPackageDefinition(definition).assay.v1;
const Health = grpc.makeGenericClientConstructor(healthService);

const plaintext = grpc.credentials.createInsecure();
const clients = [LeadService, ScoringService, Health].map((Client) => new Client(address, plaintext));
const [leads, scoring, health] = clients;
after(() => clients.forEach((client) => client.close()));

const call = (client, method, request) =>
  new Promise((resolve, reject) => client[method](request, (error, answer) => (error ? reject(error) : resolve(answer))));

const failure = (promise) => promise.then(() => assert.fail('the call should fail'), (error) => error);

/** The error that ends a stream; one that goes on for 20 seconds fails the test. */
const ending = (stream) =>
  once(stream.resume(), 'error', { signal: AbortSignal.timeout(20_000) })
    .then(([error]) => error)
    .finally(() => stream.cancel());

/** Details of a google.rpc.Status by their message's name. */
const byName = (status) => Object.fromEntries(status.details.map((detail) => [detail['@type'].split('.').at(-1), detail]));

/** Details of a failed call. */
const details = (error) =>
  byName(definition['google.rpc.Status'].deserialize(error.metadata.get('grpc-status-details-bin')[0]));

const company = (display_name, employees) => ({ company: { display_name, employees, industry: 'heating', country: 'AT' } });

// Size and country are worth 27 points, of which the group's cap of the shipped rules clips 2.
const because = 'A trade with technicians';
const profile = {
  display_name: 'Main',
  criteria: [{ fact: 'industry', in: { values: ['heating'] }, points_hundredths: 1600, because }],
  size_bands: [{ min: 50, max: 500, points_hundredths: 2300 }],
  countries: ['AT'],
};

const item = (id, name) => ({
  id: String(id),
  request: { inline: { lead: company(name, 80) }, inline_profile: profile },
});

test('health is checked', async () => {
  for (const service of ['', 'assay.v1.ScoringService']) {
    assert.equal((await call(health, 'Check', { service })).status, 'SERVING');
  }
  const error = await failure(call(health, 'Check', { service: 'no.such.Service' }));
  assert.equal(error.code, grpc.status.NOT_FOUND);
});

test('a lead is created, read, changed and deleted with an etag', async () => {
  const created = await call(leads, 'CreateLead', { lead_id: 'node', lead: company('Node GmbH', 80) });
  assert.equal(created.name, 'leads/node');
  assert.equal(created.revision, 1);
  assert.deepEqual(await call(leads, 'GetLead', { name: created.name }), created);

  // The mask names the owner alone, so the company stays, though it is not sent.
  const change = { lead: { name: created.name, etag: created.etag, owner: 'an' }, update_mask: { paths: ['owner'] } };
  const changed = await call(leads, 'UpdateLead', change);
  assert.deepEqual([changed.owner, changed.company.employees, changed.revision], ['an', 80, 2]);

  const conflict = await failure(call(leads, 'UpdateLead', change));
  assert.equal(conflict.code, grpc.status.ABORTED);
  const { reason, domain, metadata } = details(conflict).ErrorInfo;
  assert.deepEqual([reason, domain, metadata.resource], ['ETAG_MISMATCH', 'assay', 'leads/node']);

  await call(leads, 'DeleteLead', { name: created.name, etag: changed.etag });
  const missing = await failure(call(leads, 'GetLead', { name: created.name }));
  assert.equal(missing.code, grpc.status.NOT_FOUND);
  assert.equal(details(missing).ErrorInfo.reason, 'NOT_FOUND');
});

test('all violations come at once', async () => {
  const bad = { company: { employees: -5 }, profile: 'profiles/none' };
  const error = await failure(call(leads, 'CreateLead', { lead_id: 'Not An Id', lead: bad }));
  assert.equal(error.code, grpc.status.INVALID_ARGUMENT);
  const { ErrorInfo, BadRequest } = details(error);
  assert.equal(ErrorInfo.reason, 'INVALID_FIELDS');
  assert.deepEqual(
    BadRequest.field_violations.map((violation) => violation.field),
    ['lead_id', 'lead.company.display_name', 'lead.company.employees', 'lead.profile'],
  );
});

test('messages arrive as they were written', async () => {
  const error = await failure(call(leads, 'ListLeads', { filter: 'contry = "50 % #1?"' }));
  assert.match(error.details, /there is no field "contry" to filter by; did you mean "country"\?$/);
  const other = await failure(call(leads, 'GetLead', { name: 'leads/ä%3F#?' }));
  assert.match(other.details, /"leads\/ä%3F#\?"/);
});

test('a score is the sum of its reasons', async () => {
  const score = await call(scoring, 'ScoreLead', item('', 'Node GmbH').request);
  assert.deepEqual(score.contributions.map((entry) => [entry.points_hundredths, entry.reason]), [
    [1600, because],
    [2300, 'Company size is in a target band'],
    [400, 'In a country that we serve'],
    [-200, 'Company counts at most 25 points'],
  ]);
  const sum = score.contributions.reduce((total, entry) => total + entry.points_hundredths, 0);
  assert.equal(score.total_hundredths, sum);
  assert.equal(score.contributions[0].inputs.industry.text, 'heating');
});

test('a stream answers in order, with an error of its own for a bad item', async () => {
  const ids = Array.from({ length: 200 }, (_, number) => String(number));
  const items = ids.map((id) => item(id, id === '100' ? '' : `Company ${id}`));
  const stream = Readable.from(items).pipe(scoring.ScoreLeads());
  const [[metadata], answers] = await Promise.all([once(stream, 'metadata'), stream.toArray()]);
  assert.deepEqual(answers.map((answer) => answer.id), ids);

  const failed = answers.filter((answer) => answer.result === 'error');
  assert.deepEqual(failed.map((answer) => answer.id), ['100']);
  assert.equal(failed[0].error.code, grpc.status.INVALID_ARGUMENT);
  const { ErrorInfo, BadRequest } = byName(failed[0].error);
  assert.equal(ErrorInfo.reason, 'INVALID_FIELDS');
  assert.equal(BadRequest.field_violations[0].field, 'inline.lead.company.display_name');

  // One rule set for the whole stream, named before the first answer.
  const scored = answers.filter((answer) => answer.result === 'score');
  assert.deepEqual([...new Set(scored.map((answer) => answer.score.rule_set))], metadata.get('assay-rule-set'));
});

// In the next tests the request stream stays open, so that nothing else ends the call.

test('a deadline ends a call', async () => {
  const error = await ending(scoring.ScoreLeads({ deadline: Date.now() + 1 }));
  assert.equal(error.code, grpc.status.DEADLINE_EXCEEDED);
});

test('the server keeps the deadline by itself', async () => {
  // The bare header tells the server of the deadline, but not the client, which would otherwise be first to end the call.
  const metadata = new grpc.Metadata();
  metadata.set('grpc-timeout', '20m'); // milliseconds
  const error = await ending(scoring.ScoreLeads(metadata));
  assert.equal(error.code, grpc.status.DEADLINE_EXCEEDED);
  assert.equal(details(error).ErrorInfo.reason, 'DEADLINE_EXCEEDED');
});

test('a cancelled stream ends as CANCELLED', async () => {
  const stream = scoring.ScoreLeads();
  stream.write(item('first', 'Node GmbH'));
  const [answer] = await once(stream, 'data');
  assert.equal(answer.id, 'first');
  stream.cancel();
  assert.equal((await ending(stream)).code, grpc.status.CANCELLED);
});

test('the example prints points and reasons', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [here('score.js'), address]);
  assert.equal(stdout, '14 Company size is in a target band\n');
});
