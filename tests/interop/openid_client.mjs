// An app with openid-client, as its documentation shows it, that tells what it learnt.
//
// GET /login/{client_id}?response_mode=... leads to the broker; /callback answers with claims, userinfo and a refresh,
// and with what is left of them once the refresh token is given back. GET /own/{client_id} gets a token for the app itself.
import * as client from 'openid-client'
import { given, leadTo, listen } from './app.mjs'

const METHODS = {
  client_secret_basic: client.ClientSecretBasic,
  client_secret_post: client.ClientSecretPost,
  none: client.None,
}

async function discover(clientId) {
  const { secret, method } = given.clients[clientId]
  return client.discovery(new URL(given.issuer), clientId, undefined, METHODS[method](secret), {
    // The first allows http, for this machine only. The second checks signatures also where TLS would prove the origin.
    execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
  })
}

async function login({ url, argument, origin }) {
  const config = await discover(argument)
  const responseMode = url.searchParams.get('response_mode')
  const flow = {
    config,
    secret: given.clients[argument].secret,
    state: client.randomState(),
    nonce: client.randomNonce(),
    verifier: client.randomPKCECodeVerifier(),
  }
  const to = client.buildAuthorizationUrl(config, {
    redirect_uri: `${origin}/callback`,
    scope: given.scope,
    code_challenge: await client.calculatePKCECodeChallenge(flow.verifier),
    code_challenge_method: 'S256',
    state: flow.state,
    nonce: flow.nonce,
    ...(responseMode && { response_mode: responseMode }),
  })
  return leadTo(to.href, flow)
}

async function callback({ request, flow }) {
  const { config, secret, state, nonce, verifier } = flow
  const tokens = await client.authorizationCodeGrant(config, request, {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
  })
  const claims = tokens.claims()
  const fresh = await client.refreshTokenGrant(config, tokens.refresh_token)
  const found = {
    came_by: request.method,
    token: tokens,
    claims,
    userinfo: await client.fetchUserInfo(config, tokens.access_token, claims.sub),
    fresh_token: fresh,
    fresh_claims: fresh.claims(),
    fresh_userinfo: await client.fetchUserInfo(config, fresh.access_token, claims.sub),
    fresh_introspected: secret && (await client.tokenIntrospection(config, fresh.access_token)),
  }
  await client.tokenRevocation(config, fresh.refresh_token)
  return {
    ...found,
    revoked_introspected: secret && (await client.tokenIntrospection(config, fresh.access_token)),
    revoked_userinfo: await client.fetchUserInfo(config, fresh.access_token, claims.sub).catch((error) => error.status),
    revoked_refresh: await client.refreshTokenGrant(config, fresh.refresh_token).catch((error) => error.error),
  }
}

async function own({ argument }) {
  const config = await discover(argument)
  const token = await client.clientCredentialsGrant(config, { scope: 'orders:read' })
  const introspected = await client.tokenIntrospection(config, token.access_token)
  await client.tokenRevocation(config, token.access_token, { token_type_hint: 'access_token' })
  return { token, introspected, revoked_introspected: await client.tokenIntrospection(config, token.access_token) }
}

await listen({ login, callback, own }, (error) => ({
  refused: error.code ?? error.name,
  because: error.cause?.message ?? error.message,
}))
