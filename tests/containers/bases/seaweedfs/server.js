// `weed server -s3 …` by s3rver: its folder, port, keys and each key's buckets, and the page that tells its health.
'use strict';
const fs = require('fs');
const S3rver = require('s3rver');
const Account = require('s3rver/lib/models/account');

const options = Object.fromEntries(process.argv.slice(2).map(word => word.replace(/^-+/, '').split('=')));
const { identities } = JSON.parse(fs.readFileSync(options['s3.config'], 'utf8'));
const actions = new Map();
Account.registry.clear();
for (const each of identities) {
  const { accessKey, secretKey } = each.credentials[0];
  new Account(each.name, each.name).createKeyPair(accessKey, secretKey);
  actions.set(accessKey, each.actions);
}

// A signature is in a header or, of the URLs that MLflow gives for its artifacts, in the query.
function mayUse(context, bucket) {
  const signed = context.get('Authorization') || `Credential=${context.query['X-Amz-Credential']}`;
  const key = (/Credential=([^/]+)\//.exec(signed) || [])[1];
  return (actions.get(key) || []).some(action => action === 'Admin' || action.endsWith(`:${bucket}`));
}

const server = new S3rver({
  address: '0.0.0.0', port: Number(options['s3.port']), directory: options.dir, silent: true, vhostBuckets: false,
});
server.middleware.unshift(async (context, next) => {
  const bucket = context.path.split('/')[1];
  if (context.path === '/status') context.body = 'ok';
  else if (mayUse(context, bucket)) await next();
  else {
    context.status = 403;
    context.type = 'application/xml';
    context.body = '<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>';
  }
});
server.run();
process.on('SIGTERM', () => process.exit(0));
