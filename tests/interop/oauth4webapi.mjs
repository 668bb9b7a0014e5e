// An app with oauth4webapi, every request and every check of an answer by hand, that tells what it learnt.
//
// The addresses are those of openid_client.mjs, but for response_mode and logout, for which the library has nothing.
import * as oauth from 'oauth4webapi'
import { given, keyOf, leadTo, listen } from './app.mjs'

const METHODS = {
  client_secret_basic: ({ secret }) => oauth.ClientSecretBasic(secret),
  client_secret_post: ({ secret }) => oauth.ClientSecretPost(secret),
  private_key_jwt: async (known, isStranger) => oauth.PrivateKeyJwt(await keyOf(known, isStranger)),
  none: () => oauth.None(),
}
const HTTP = { [oauth.allowInsecureRequests]: true } // for this machine only
const devices = new Map() // by device code

async function metadata() {
  const issuer = new URL(given.issuer)
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, HTTP))
}

async function discover(clientId, isStranger = false) {
  const known = given.clients[clientId]
  return { as: await metadata(), client: { client_id: clientId }, auth: await METHODS[known.method](known, isStranger) }
}

async function login({ wants, argument, origin }) {
  const found = await discover(argument, wants('stranger'))
  const flow = {
    ...found,
    options: wants('dpop') ? await bound(found.client) : HTTP,
    confidential: given.clients[argument].method !== 'none',
    redirectUri: `${origin}/callback`,
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
    verifier: oauth.generateRandomCodeVerifier(),
  }
  const to = new URL(flow.as.authorization_endpoint)
  const parameters = new URLSearchParams({
    response_type: 'code',
    client_id: argument,
    redirect_uri: flow.redirectUri,
    scope: given.scope,
    code_challenge: await oauth.calculatePKCECodeChallenge(flow.verifier),
    code_challenge_method: 'S256',
    state: flow.state,
    nonce: flow.nonce,
  })
  to.search = wants('pushed') ? await push(flow, parameters) : parameters
  return leadTo(to.href, flow)
}

async function bound(client) {
  return { ...HTTP, DPoP: oauth.DPoP(client, await oauth.generateKeyPair('ES256')) }
}

async function push({ as, client, auth, options }, parameters) {
  const answer = await oauth.pushedAuthorizationRequest(as, client, auth, parameters, options)
  const { request_uri } = await oauth.processPushedAuthorizationResponse(as, client, answer)
  return new URLSearchParams({ client_id: client.client_id, request_uri })
}

async function callback({ url, flow }) {
  const { as, client, auth, confidential } = flow
  const first = await exchange(url, flow)
  const claims = oauth.getValidatedIdTokenClaims(first)
  const fresh = await refresh(flow, first.refresh_token)
  const kept = fresh.refresh_token ?? first.refresh_token // an answer without one leaves the old one in force
  const found = {
    token: first,
    claims,
    userinfo: await userinfo(flow, first.access_token, claims.sub),
    fresh_token: fresh,
    fresh_claims: oauth.getValidatedIdTokenClaims(fresh),
    fresh_userinfo: await userinfo(flow, fresh.access_token, claims.sub),
    fresh_introspected: confidential && (await introspect(flow, fresh.access_token)),
    ...(flow.options.DPoP && (await misused(flow, fresh, kept, claims.sub))),
  }
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, kept, HTTP))
  return {
    ...found,
    revoked_introspected: confidential && (await introspect(flow, fresh.access_token)),
    revoked_userinfo: await userinfo(flow, fresh.access_token, claims.sub).catch((error) => error.status),
    revoked_refresh: await refresh(flow, kept).catch((error) => error.error),
  }
}

// What somebody who stole the tokens gets: without a key, and with one of theirs.
async function misused(flow, token, refreshToken, subject) {
  const stranger = { ...flow, options: await bound(flow.client) }
  return {
    without_key: await userinfo({ ...flow, options: HTTP }, token.access_token, subject).catch((error) => error.status),
    with_other_key: await userinfo(stranger, token.access_token, subject).catch((error) => error.status),
    refresh_with_other_key: await refresh(stranger, refreshToken).catch((error) => error.error),
  }
}

// The signature is checked by hand as well, instead of leaving that to TLS.
async function exchange(url, { as, client, auth, options, redirectUri, state, nonce, verifier }) {
  const params = oauth.validateAuthResponse(as, client, url, state)
  const answer = await oauth.authorizationCodeGrantRequest(as, client, auth, params, redirectUri, verifier, options)
  const expected = { expectedNonce: nonce, requireIdToken: true }
  const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, expected)
  await oauth.validateApplicationLevelSignature(as, answer, HTTP)
  return tokens
}

async function refresh({ as, client, auth, options }, token) {
  const answer = await oauth.refreshTokenGrantRequest(as, client, auth, token, options)
  return oauth.processRefreshTokenResponse(as, client, answer)
}

async function userinfo({ as, client, options }, token, subject) {
  return oauth.processUserInfoResponse(as, client, subject, await oauth.userInfoRequest(as, client, token, options))
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

async function device({ argument }) {
  const flow = await discover(argument)
  const { as, client, auth } = flow
  const answer = await oauth.deviceAuthorizationRequest(as, client, auth, { scope: given.scope }, HTTP)
  const begun = await oauth.processDeviceAuthorizationResponse(as, client, answer)
  devices.set(begun.device_code, { ...flow, options: HTTP, interval: begun.interval ?? 5 })
  return begun
}

async function polled({ argument }) {
  const { as, client, auth, interval, ...rest } = devices.get(argument)
  for (let seconds = interval; ; ) {
    await new Promise((waited) => setTimeout(waited, seconds * 1000))
    try {
      const answer = await oauth.deviceCodeGrantRequest(as, client, auth, argument, HTTP)
      const token = await oauth.processDeviceCodeResponse(as, client, answer)
      const claims = oauth.getValidatedIdTokenClaims(token)
      return { token, claims, userinfo: await userinfo({ as, client, ...rest }, token.access_token, claims.sub) }
    } catch (error) {
      if (error.error === 'slow_down') seconds += 5
      else if (error.error !== 'authorization_pending') throw error
    }
  }
}

async function register({ url, origin }) {
  const wanted = {
    client_name: 'An app that registered itself',
    redirect_uris: [`${origin}/callback`],
    scope: given.scope,
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'client_secret_post',
  }
  const token = url.searchParams.get('token')
  const options = { ...HTTP, ...(token && { initialAccessToken: token }) }
  const answer = await oauth.dynamicClientRegistrationRequest(await metadata(), wanted, options)
  const found = await oauth.processDynamicClientRegistrationResponse(answer)
  given.clients[found.client_id] = { secret: found.client_secret, method: found.token_endpoint_auth_method }
  return found
}

await listen({ login, callback, own, device, polled, register }, (error) => ({
  refused: error.code ?? error.name,
  because: error.error ?? error.message,
}))
