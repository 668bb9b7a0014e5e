// oidc-provider as the same broker: no page of its own, straight to the bench's upstream, ES256, opaque access tokens.
// Everything that can be in its favour is: state in a Map, keys imported once, no clean-up, no log, no extra hop.
import http from 'node:http';
import { createHash, randomBytes } from 'node:crypto';
import * as jose from 'jose';
import Provider from 'oidc-provider';

const { port, upstream, authorize, upstreamIssuer, upstreamId, upstreamSecret, algorithm, clients, robot } =
  JSON.parse(process.env.BENCH_SETUP);
const issuer = `http://127.0.0.1:${port}`;
const callback = `${issuer}/callback`;
const agent = new http.Agent({ keepAlive: true, maxSockets: 64, scheduling: 'fifo' });
const basic = `Basic ${Buffer.from(`${upstreamId}:${upstreamSecret}`).toString('base64')}`;
const people = new Map();
const attempts = new Map();
const random = (size) => randomBytes(size).toString('base64url');

class MapAdapter {
  static store = new Map();

  static grants = new Map();

  constructor(model) { this.model = model; }

  key(id) { return `${this.model}:${id}`; }

  async upsert(id, payload) {
    MapAdapter.store.set(this.key(id), payload);
    if (this.model === 'Session') MapAdapter.store.set(`uid:${payload.uid}`, id);
    if (payload.grantId && this.model !== 'Session') {
      const members = MapAdapter.grants.get(payload.grantId);
      if (members) members.push(this.key(id));
      else MapAdapter.grants.set(payload.grantId, [this.key(id)]);
    }
  }

  async find(id) { return MapAdapter.store.get(this.key(id)); }

  async findByUid(uid) { return this.find(MapAdapter.store.get(`uid:${uid}`)); }

  async findByUserCode() { return undefined; }

  async consume(id) { MapAdapter.store.get(this.key(id)).consumed = Math.floor(Date.now() / 1000); }

  async destroy(id) { MapAdapter.store.delete(this.key(id)); }

  async revokeByGrantId(grantId) {
    for (const key of MapAdapter.grants.get(grantId) ?? []) MapAdapter.store.delete(key);
    MapAdapter.grants.delete(grantId);
  }
}

function call(method, path, body) {
  const headers = body === undefined ? {} : {
    'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body), authorization: basic,
  };
  return new Promise((resolve, reject) => {
    const request = http.request(`${upstream}${path}`, { method, headers, agent }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => {
        if (response.statusCode !== 200) reject(new Error(`upstream: ${response.statusCode}`));
        else resolve(JSON.parse(Buffer.concat(chunks).toString()));
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

const keys = [];
for (const alg of ['ES256', 'RS256']) {
  const { privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  keys.push({ ...await jose.exportJWK(privateKey), alg, use: 'sig', kid: `own-${alg}` });
}

const provider = new Provider(issuer, {
  adapter: MapAdapter,
  clients: [...clients.map((client) => ({
    client_id: client.id,
    client_secret: client.secret,
    redirect_uris: [client.redirectUri],
    grant_types: client.grants,
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
    id_token_signed_response_alg: algorithm,
    scope: 'openid profile',
  })), {
    client_id: robot.id,
    client_secret: robot.secret,
    redirect_uris: [],
    grant_types: ['client_credentials'],
    response_types: [],
    token_endpoint_auth_method: 'client_secret_basic',
    id_token_signed_response_alg: algorithm,
    scope: robot.scope,
  }],
  claims: { openid: ['sub'], profile: ['name', 'nickname', 'preferred_username', 'picture', 'given_name', 'updated_at'] },
  conformIdTokenClaims: false,
  cookies: { keys: [random(32)], short: { path: '/', httpOnly: true, sameSite: 'lax' }, long: { httpOnly: true, sameSite: 'lax' } },
  enabledJWA: { idTokenSigningAlgValues: ['ES256', 'RS256'] },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: async (ctx, client, token) => token.clientId === client.clientId },
    rpInitiatedLogout: { enabled: false },
  },
  findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, ...people.get(id) }) }),
  interactions: {
    url: async (ctx, interaction) => {
      const attempt = { nonce: random(32), verifier: random(36) };
      attempts.set(interaction.uid, attempt);
      return `${authorize}?${new URLSearchParams({
        response_type: 'code',
        client_id: upstreamId,
        redirect_uri: callback,
        scope: 'openid profile',
        state: interaction.uid,
        nonce: attempt.nonce,
        code_challenge: createHash('sha256').update(attempt.verifier).digest('base64url'),
        code_challenge_method: 'S256',
      })}`;
    },
  },
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
  jwks: { keys },
  // Both clients are the operator's own: nobody is asked for consent.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({ accountId: ctx.oidc.session.accountId, clientId: ctx.oidc.client.clientId });
    grant.addOIDCScope('openid profile');
    await grant.save();
    return grant;
  },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  scopes: ['openid', 'offline_access', robot.scope],
  ttl: {
    AccessToken: 900, ClientCredentials: 900, AuthorizationCode: 60, IdToken: 600, Grant: 86400, Interaction: 600, RefreshToken: 86400, Session: 86400,
  },
});

let upstreamKeys;

async function finish(request, response) {
  const params = new URL(request.url, issuer).searchParams;
  const interaction = await provider.interactionDetails(request, response);
  const attempt = attempts.get(interaction.uid);
  if (!attempt || params.get('state') !== interaction.uid || params.has('error')) throw new Error('not our attempt');
  attempts.delete(interaction.uid);
  const tokens = await call('POST', '/token', new URLSearchParams({
    grant_type: 'authorization_code',
    code: params.get('code'),
    redirect_uri: callback,
    code_verifier: attempt.verifier,
    client_id: upstreamId,
  }).toString());
  upstreamKeys ??= jose.createLocalJWKSet(await call('GET', '/.well-known/jwks.json'));
  const { payload } = await jose.jwtVerify(tokens.id_token, upstreamKeys, {
    issuer: upstreamIssuer, audience: upstreamId, algorithms: [algorithm],
  });
  if (payload.nonce !== attempt.nonce) throw new Error('wrong nonce');
  const accountId = `a${payload.id}`;
  people.set(accountId, {
    name: payload.name, preferred_username: payload.preferred_username, picture: payload.picture,
    nickname: payload.preferred_username, given_name: payload.name, updated_at: payload.iat,
  });
  await provider.interactionFinished(request, response, { login: { accountId } });
}

const answer = provider.callback();
const server = http.createServer((request, response) => {
  if (!request.url.startsWith('/callback?')) return answer(request, response);
  return finish(request, response).catch((error) => {
    console.error(error);
    response.statusCode = 500;
    response.end();
  });
});
server.keepAliveTimeout = 75_000;
server.listen(port, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
