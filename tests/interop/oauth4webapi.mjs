// An app with oauth4webapi, every request and every check of an answer by hand, that tells what it learnt.
//
// GET /login/{client_id} leads to the broker; /callback answers with claims, userinfo and a refresh, and with what is
// left of them once the refresh token is given back. GET /own/{client_id} gets a token for the app itself.
import * as oauth from 'oauth4webapi'
import { given, leadTo, listen } from './app.mjs'

const METHODS = {
  client_secret_basic: oauth.ClientSecretBasic,
  client_secret_post: oauth.ClientSecretPost,
  none: oauth.None,
}
const HTTP = { [oauth.allowInsecureRequests]: true } // for this machine only

async function discover(clientId) {
  const issuer = new URL(given.issuer)
  const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, HTTP))
  const { secret, method } = given.clients[clientId]
  return { as, client: { client_id: clientId }, auth: METHODS[method](secret), secret }
}

async function login({ argument, origin }) {
  const flow = {
    ...(await discover(argument)),
    redirectUri: `${origin}/callback`,
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
    verifier: oauth.generateRandomCodeVerifier(),
  }
  const to = new URL(flow.as.authorization_endpoint)
  to.search = new URLSearchParams({
    response_type: 'code',
    client_id: argument,
    redirect_uri: flow.redirectUri,
    scope: given.scope,
    code_challenge: await oauth.calculatePKCECodeChallenge(flow.verifier),
    code_challenge_method: 'S256',
    state: flow.state,
    nonce: flow.nonce,
  })
  return leadTo(to.href, flow)
}

async function callback({ url, flow }) {
  const { as, client, auth, secret } = flow
  const first = await exchange(url, flow)
  const claims = oauth.getValidatedIdTokenClaims(first)
  const fresh = await refresh(flow, first.refresh_token)
  const found = {
    token: first,
    claims,
    userinfo: await userinfo(flow, first.access_token, claims.sub),
    fresh_token: fresh,
    fresh_claims: oauth.getValidatedIdTokenClaims(fresh),
    fresh_userinfo: await userinfo(flow, fresh.access_token, claims.sub),
    fresh_introspected: secret && (await introspect(flow, fresh.access_token)),
  }
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, fresh.refresh_token, HTTP))
  return {
    ...found,
    revoked_introspected: secret && (await introspect(flow, fresh.access_token)),
    revoked_userinfo: await userinfo(flow, fresh.access_token, claims.sub).catch((error) => error.status),
    revoked_refresh: await refresh(flow, fresh.refresh_token).catch((error) => error.error),
  }
}

// The signature is checked by hand as well, instead of leaving that to TLS.
async function exchange(url, { as, client, auth, redirectUri, state, nonce, verifier }) {
  const params = oauth.validateAuthResponse(as, client, url, state)
  const answer = await oauth.authorizationCodeGrantRequest(as, client, auth, params, redirectUri, verifier, HTTP)
  const expected = { expectedNonce: nonce, requireIdToken: true }
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, expected)
  await oauth.validateApplicationLevelSignature(as, answer, HTTP)
  return tokens
}

async function refresh({ as, client, auth }, token) {
  const answer = await oauth.refreshTokenGrantRequest(as, client, auth, token, HTTP)
  return oauth.processRefreshTokenResponse(as, client, answer)
}

async function userinfo({ as, client }, token, subject) {
  return oauth.processUserInfoResponse(as, client, subject, await oauth.userInfoRequest(as, client, token, HTTP))
}

async function introspect({ as, client, auth }, token) {
  return oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, auth, token, HTTP))
}

async function own({ argument }) {
  const flow = await discover(argument)
  const { as, client, auth } = flow
  const answer = await oauth.clientCredentialsGrantRequest(as, client, auth, { scope: 'orders:read' }, HTTP)
  const token = await oauth.processClientCredentialsResponse(as, client, answer)
  const introspected = await introspect(flow, token.access_token)
  const hint = { ...HTTP, additionalParameters: { token_type_hint: 'access_token' } }
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, token.access_token, hint))
  return { token, introspected, revoked_introspected: await introspect(flow, token.access_token) }
}

await listen({ login, callback, own }, (error) => ({ refused: error.code ?? error.name, because: error.message }))
