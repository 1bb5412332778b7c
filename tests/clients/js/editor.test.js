// An editor's own protocol client against `assay lsp`, and the grammar by which VS Code colours rules.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import oniguruma from 'vscode-oniguruma';
import protocol from 'vscode-languageserver-protocol/node';
import textmate from 'vscode-textmate';

const {
  CodeActionRequest, CompletionRequest, DefinitionRequest, DidChangeTextDocumentNotification, DidCloseTextDocumentNotification,
  DidOpenTextDocumentNotification, DocumentFormattingRequest, DocumentSymbolRequest, ExitNotification, HoverRequest,
  InitializedNotification, InitializeRequest, PublishDiagnosticsNotification, ShutdownRequest, StreamMessageReader,
  StreamMessageWriter, createProtocolConnection,
} = protocol;

const root = fileURLToPath(new URL('../../../', import.meta.url));
const binary = process.env.ASSAY_BINARY ?? path.join(root, 'target/debug/assay');

let folder, server, connection;
const told = []; // What was published, and who waits for it.
const waiting = [];

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'assay editor ')); // A space, which a URI can't have.
  await cp(path.join(root, 'scripts'), path.join(folder, 'scripts'), { recursive: true });
  server = spawn(binary, ['lsp'], { stdio: ['pipe', 'pipe', 'inherit'] });
  connection = createProtocolConnection(new StreamMessageReader(server.stdout), new StreamMessageWriter(server.stdin));
  connection.onNotification(PublishDiagnosticsNotification.type, (params) => {
    told.push(params);
    waiting.splice(0).forEach((wake) => wake());
  });
  connection.listen();
  const { capabilities, serverInfo } = await connection.sendRequest(InitializeRequest.type, {
    processId: process.pid, rootUri: pathToFileURL(folder).href, capabilities: {}, workspaceFolders: null,
  });
  assert.equal(serverInfo.name, 'assay');
  assert.ok(capabilities.completionProvider && capabilities.documentFormattingProvider);
  await connection.sendNotification(InitializedNotification.type, {});
});

after(async () => {
  await connection.sendRequest(ShutdownRequest.type);
  const ended = once(server, 'exit');
  await connection.sendNotification(ExitNotification.type);
  assert.deepEqual((await ended)[0], 0);
  await rm(folder, { recursive: true });
});

const uri = (file) => pathToFileURL(path.join(folder, 'scripts', file)).href;

/** The first that is published of a file from now on, if it fits. */
async function published(file, fits) {
  for (;;) {
    const at = told.findIndex((params) => params.uri === uri(file) && fits(params.diagnostics));
    if (at >= 0) return told.splice(0, at + 1).at(-1).diagnostics;
    await new Promise((wake) => waiting.push(wake));
  }
}

let version = 0;
async function open(file, text) {
  const textDocument = { uri: uri(file), languageId: 'assay-rules', version: ++version, text };
  await connection.sendNotification(DidOpenTextDocumentNotification.type, { textDocument });
}
async function change(file, text) {
  const textDocument = { uri: uri(file), version: ++version };
  await connection.sendNotification(DidChangeTextDocumentNotification.type, { textDocument, contentChanges: [{ text }] });
}
const close = (file) =>
  connection.sendNotification(DidCloseTextDocumentNotification.type, { textDocument: { uri: uri(file) } });

/** The place of `|` in a text, and the text without it. */
function marked(text) {
  const at = text.indexOf('|');
  const before = text.slice(0, at).split('\n');
  return { text: text.replace('|', ''), position: { line: before.length - 1, character: before.at(-1).length } };
}

const file = 'lead_scoring/default.rhai';
const written = () => readFile(path.join(folder, 'scripts', file), 'utf8');

test('a slip is told while it is written, with what was meant, and taken back', { timeout: 60_000 }, async () => {
  const good = await written();
  await open(file, good.replace('employees', 'employes'));
  const [finding, ...more] = await published(file, (found) => found.length > 0);
  assert.deepEqual([finding.code, finding.severity, finding.source, more.length], ['unknown-name', 1, 'assay', 0]);
  const { line } = finding.range.start;
  assert.equal(good.split('\n')[line].slice(finding.range.start.character, finding.range.end.character).length, 8);
  const actions = await connection.sendRequest(CodeActionRequest.type, {
    textDocument: { uri: uri(file) }, range: finding.range, context: { diagnostics: [finding] },
  });
  assert.equal(actions[0].title, 'write employees');
  assert.deepEqual(actions[0].edit.changes[uri(file)], [{ range: finding.range, newText: 'employees' }]);
  await change(file, good);
  assert.deepEqual(await published(file, (found) => found.length === 0), []);
  await close(file);
});

test('a test beside a script that fails is told in its line', { timeout: 60_000 }, async () => {
  const tests = 'lead_scoring/default.test.toml';
  await open(tests, '[[case]]\nname = "empty"\nas_of = "2026-06-01"\nexpect = { grade = "A" }\n');
  const [finding] = await published(tests, (found) => found.length > 0);
  assert.equal(finding.code, 'test-failed');
  assert.match(finding.message, /expected A/);
  await close(tests);
  await published(tests, (found) => found.length === 0);
});

test('words are proposed, explained and led to where they are declared', { timeout: 60_000 }, async () => {
  const ask = async (type, shown) => {
    const { text, position } = marked(shown);
    await open(file, text);
    const answer = await connection.sendRequest(type, { textDocument: { uri: uri(file) }, position });
    await close(file);
    return answer;
  };
  const proposed = await ask(CompletionRequest.type, 'rule "a" when emp|');
  const employees = proposed.find((item) => item.label === 'employees');
  assert.equal(employees.detail, 'number');
  assert.match(employees.documentation.value, /how many people/);
  const statement = (await ask(CompletionRequest.type, '|')).find((item) => item.label === 'rule');
  assert.equal(statement.insertText, 'rule "${1}" when ${2} then ${3} because "${4}";');
  assert.equal(statement.insertTextFormat, 2);
  const types = await ask(CompletionRequest.type, 'define a as activity("|");');
  assert.ok(types.some((item) => item.label === 'demo_request'));
  // 𝛽 takes two units: the place of a word behind it is counted as editors count.
  const hover = await ask(HoverRequest.type, '/* 𝛽 */ define a as bud|get;');
  assert.match(hover.contents.value, /budget: number/);
  assert.deepEqual(hover.range.start, { line: 0, character: 21 });
  const place = await ask(DefinitionRequest.type, 'import "lib/shapes" as shape;\ndefine a as shape::ris|ing(1, 2, 3);');
  assert.equal(place.uri, uri('lib/shapes.rhai'));
  const declared = await ask(DefinitionRequest.type, 'define a as bud|get;');
  assert.equal(declared.uri, uri('facts.toml'));
});

test('a script is written in the one way, and its parts are listed', { timeout: 60_000 }, async () => {
  const good = await written();
  const textDocument = { uri: uri(file) };
  await open(file, good.replaceAll(/\n {4}/g, '\n  ').replaceAll(' = ', '='));
  const options = { tabSize: 4, insertSpaces: true };
  const [edit, ...more] = await connection.sendRequest(DocumentFormattingRequest.type, { textDocument, options });
  assert.equal(more.length, 0);
  assert.equal(edit.newText, good);
  const symbols = await connection.sendRequest(DocumentSymbolRequest.type, { textDocument });
  assert.ok(['shape', 'visits', 'company', 'top only', 'A'].every((name) => symbols.some((symbol) => symbol.name === name)));
  await close(file);
});

test('a file that stands nowhere is no trouble', { timeout: 60_000 }, async () => {
  const textDocument = { uri: 'untitled:Untitled-1', languageId: 'assay-rules', version: 1, text: 'rule' };
  await connection.sendNotification(DidOpenTextDocumentNotification.type, { textDocument });
  const position = { line: 0, character: 4 };
  assert.equal(await connection.sendRequest(CompletionRequest.type, { textDocument, position }), null);
  await assert.rejects(connection.sendRequest('textDocument/colour', {}), /is not answered here/);
});

test('the grammar tells statements, names, texts and comments apart', async () => {
  const wasm = fileURLToPath(import.meta.resolve('vscode-oniguruma').replace('main.js', 'onig.wasm'));
  await oniguruma.loadWASM((await readFile(wasm)).buffer);
  const grammarPath = path.join(root, 'editors/vscode/rules.tmLanguage.json');
  const registry = new textmate.Registry({
    onigLib: {
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    },
    loadGrammar: async () => textmate.parseRawGrammar(await readFile(grammarPath, 'utf8'), grammarPath),
  });
  const grammar = await registry.loadGrammar('source.assay-rules');
  const shown = (line) => {
    const { tokens } = grammar.tokenizeLine(line, textmate.INITIAL);
    const scoped = tokens.map(({ startIndex, endIndex, scopes }) => [line.slice(startIndex, endIndex), scopes.at(-1)]);
    return Object.fromEntries(scoped.map(([text, scope]) => [text.trim(), scope.replace('.assay-rules', '')]));
  };
  const rule = shown('rule "size" when employees >= 5 and known(tech) then min(3, icp.capacity) because "Is // it"; // so');
  const expected = {
    rule: 'keyword.control.statement', '"size"': 'entity.name.section', when: 'keyword.other.clause',
    employees: 'variable.other', '>=': 'keyword.operator', 5: 'constant.numeric', and: 'keyword.operator.word',
    known: 'support.function', min: 'support.function', icp: 'variable.language', capacity: 'variable.other.property',
    'Is // it': 'string.quoted.double', '// so': 'comment.line.double-slash',
  };
  for (const [word, scope] of Object.entries(expected)) assert.equal(rule[word], scope, word);
  // `floor` is a clause and a function.
  assert.equal(shown('group "a" floor -10 {').floor, 'keyword.other.clause');
  assert.equal(shown('x = floor(1.5)').floor, 'support.function');
});
