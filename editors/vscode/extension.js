// Starts `assay lsp` and hands the editor's questions to it.

const { workspace } = require('vscode');
const { LanguageClient } = require('vscode-languageclient/node');

let client;

exports.activate = (context) => {
  const settings = workspace.getConfiguration('assay');
  const server = { command: settings.get('path'), args: ['lsp', '--currency', settings.get('currency')] };
  const watcher = workspace.createFileSystemWatcher('**/{*.rhai,facts.toml,*.test.toml,tables/*.csv}');
  context.subscriptions.push(watcher);
  client = new LanguageClient('assay', 'Assay rules', server, {
    documentSelector: [
      { scheme: 'file', language: 'assay-rules' },
      { scheme: 'file', pattern: '**/facts.toml' },
      { scheme: 'file', pattern: '**/*.test.toml' },
    ],
    synchronize: { fileEvents: watcher },
  });
  return client.start();
};

exports.deactivate = () => client?.stop();
