// An app with openid-client, as its documentation shows it, that tells what it learnt.
//
// GET /login/{client_id} leads to the broker; the query may hold response_mode=..., `pushed`, `dpop`,
// `leave`, and `stranger` for a key that is not the client's.
// /callback answers with claims, userinfo and a refresh, and with what is left of them once the refresh token is given
// back; after `leave` it leads to the broker's logout instead, and /left tells that somebody came back from there.
// GET /own/{client_id} gets a token for the app itself. GET /device/{client_id} begins a login on another device,
// /polled/{device_code} waits for it. GET /register?token=... registers an app, which can then be used like the others.
import * as client from 'openid-client'
import { given, keyOf, leadTo, listen } from './app.mjs'

const METHODS = {
  client_secret_basic: ({ secret }) => client.ClientSecretBasic(secret),
  client_secret_post: ({ secret }) => client.ClientSecretPost(secret),
  private_key_jwt: async (known, isStranger) => client.PrivateKeyJwt(await keyOf(known, isStranger)),
  none: () => client.None(),
}
// The first allows http, for this machine only. The second checks signatures also where TLS would prove the origin.
const OPTIONS = { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] }
const devices = new Map() // by device code

async function discover(clientId, isStranger = false) {
  const known = given.clients[clientId]
  return client.discovery(new URL(given.issuer), clientId, undefined, await METHODS[known.method](known, isStranger), OPTIONS)
}

async function login({ url, wants, argument, origin }) {
  const config = await discover(argument, wants('stranger'))
  const bound = wants('dpop') ? { DPoP: client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) } : {}
  const flow = {
    config,
    bound,
    leaves: wants('leave'),
    confidential: given.clients[argument].method !== 'none',
    state: client.randomState(),
    nonce: client.randomNonce(),
    verifier: client.randomPKCECodeVerifier(),
  }
  const parameters = {
    redirect_uri: `${origin}/callback`,
    scope: given.scope,
    code_challenge: await client.calculatePKCECodeChallenge(flow.verifier),
    code_challenge_method: 'S256',
    state: flow.state,
    nonce: flow.nonce,
    ...(wants('response_mode') && { response_mode: url.searchParams.get('response_mode') }),
  }
  const to = wants('pushed')
    ? await client.buildAuthorizationUrlWithPAR(config, parameters, bound)
    : client.buildAuthorizationUrl(config, parameters)
  return leadTo(to.href, flow)
}

async function callback({ request, flow, origin }) {
  const { config, bound, confidential, state, nonce, verifier } = flow
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }
  const tokens = await client.authorizationCodeGrant(config, request, checks, undefined, bound)
  if (flow.leaves) return leave(flow, tokens, origin)
  const claims = tokens.claims()
  const fresh = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, bound)
  const kept = fresh.refresh_token ?? tokens.refresh_token // an answer without one leaves the old one in force
  const userinfo = (token, options) => client.fetchUserInfo(config, token.access_token, claims.sub, options)
  const introspected = async () => confidential && client.tokenIntrospection(config, fresh.access_token)
  const found = {
    came_by: request.method,
    token: tokens,
    claims,
    userinfo: await userinfo(tokens, bound),
    fresh_token: fresh,
    fresh_claims: fresh.claims(),
    fresh_userinfo: await userinfo(fresh, bound),
    fresh_introspected: await introspected(),
    ...(bound.DPoP && (await misused(config, fresh, kept, userinfo))),
  }
  await client.tokenRevocation(config, kept)
  return {
    ...found,
    revoked_introspected: await introspected(),
    revoked_userinfo: await userinfo(fresh, bound).catch((error) => error.status),
    revoked_refresh: await client
      .refreshTokenGrant(config, kept, undefined, bound)
      .catch((error) => error.error),
  }
}

// What somebody who stole the tokens gets: without a key, and with one of theirs.
async function misused(config, token, refreshToken, userinfo) {
  const stranger = { DPoP: client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) }
  return {
    without_key: await userinfo({ access_token: token.access_token }, {}).catch((error) => error.status),
    with_other_key: await userinfo(token, stranger).catch((error) => error.status),
    refresh_with_other_key: await client
      .refreshTokenGrant(config, refreshToken, undefined, stranger)
      .catch((error) => error.error),
  }
}

function leave({ config }, tokens, origin) {
  const state = client.randomState()
  const to = client.buildEndSessionUrl(config, {
    id_token_hint: tokens.id_token,
    post_logout_redirect_uri: `${origin}/left`,
    state,
  })
  return leadTo(to.href, { state })
}

async function left({ url, flow }) {
  return { left: url.searchParams.get('state') === flow.state }
}

async function own({ argument }) {
  const config = await discover(argument)
  const token = await client.clientCredentialsGrant(config, { scope: 'orders:read' })
  const introspected = await client.tokenIntrospection(config, token.access_token)
  await client.tokenRevocation(config, token.access_token, { token_type_hint: 'access_token' })
  return { token, introspected, revoked_introspected: await client.tokenIntrospection(config, token.access_token) }
}

async function device({ argument }) {
  const config = await discover(argument)
  const begun = await client.initiateDeviceAuthorization(config, { scope: given.scope })
  const polled = client.pollDeviceAuthorizationGrant(config, begun)
  polled.catch(() => {}) // it is told by /polled
  devices.set(begun.device_code, { config, polled })
  return begun
}

async function polled({ argument }) {
  const { config, polled: token } = devices.get(argument)
  const claims = (await token).claims()
  return { token: await token, claims, userinfo: await client.fetchUserInfo(config, (await token).access_token, claims.sub) }
}

async function register({ url, origin }) {
  const metadata = {
    client_name: 'An app that registered itself',
    redirect_uris: [`${origin}/callback`],
    scope: given.scope,
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'client_secret_basic',
  }
  const options = { ...OPTIONS, ...(url.searchParams.get('token') && { initialAccessToken: url.searchParams.get('token') }) }
  const config = await client.dynamicClientRegistration(new URL(given.issuer), metadata, undefined, options)
  const registered = config.clientMetadata()
  given.clients[registered.client_id] = { secret: registered.client_secret, method: registered.token_endpoint_auth_method }
  return registered
}

await listen({ login, callback, left, own, device, polled, register }, (error) => ({
  refused: error.code ?? error.name,
  because: error.error ?? error.cause?.message ?? error.message,
}))
