// An app with openid-client, as its documentation shows it, that tells what it learnt.
//
// Standard input: one line of JSON, {issuer, scope, clients: {client_id: {secret, method}}}; its end ends the app.
// Standard output: the port it listens on.
// GET /login/{client_id}?response_mode=... leads to the broker; /callback answers with claims, userinfo and a refresh,
// and with what is left of them once the refresh token is given back. GET /own/{client_id} gets a token for the app itself.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import * as client from 'openid-client'

const input = createInterface({ input: process.stdin })
const given = JSON.parse((await input[Symbol.asyncIterator]().next()).value)
const flows = new Map() // by the value of a cookie: what this browser's login must match

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

async function login(clientId, responseMode) {
  const config = await discover(clientId)
  const flow = { config, secret: given.clients[clientId].secret, state: client.randomState(), nonce: client.randomNonce(), verifier: client.randomPKCECodeVerifier() }
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: `${origin}/callback`,
    scope: given.scope,
    code_challenge: await client.calculatePKCECodeChallenge(flow.verifier),
    code_challenge_method: 'S256',
    state: flow.state,
    nonce: flow.nonce,
    ...(responseMode && { response_mode: responseMode }),
  })
  const id = randomUUID()
  flows.set(id, flow)
  return { status: 302, headers: { location: url.href, 'set-cookie': `flow=${id}; HttpOnly; Path=/` } }
}

async function callback(request, cookie) {
  const { config, secret, state, nonce, verifier } = flows.get(cookie)
  flows.delete(cookie)
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

async function own(clientId) {
  const config = await discover(clientId)
  const token = await client.clientCredentialsGrant(config, { scope: 'orders:read' })
  const introspected = await client.tokenIntrospection(config, token.access_token)
  await client.tokenRevocation(config, token.access_token, { token_type_hint: 'access_token' })
  return { token, introspected, revoked_introspected: await client.tokenIntrospection(config, token.access_token) }
}

async function answer(incoming, body) {
  const url = new URL(incoming.url, origin)
  if (url.pathname.startsWith('/login/')) {
    return login(url.pathname.slice('/login/'.length), url.searchParams.get('response_mode'))
  }
  if (url.pathname.startsWith('/own/')) {
    return { status: 200, headers: {}, body: JSON.stringify(await own(url.pathname.slice('/own/'.length))) }
  }
  const headers = { 'content-type': incoming.headers['content-type'] ?? '' }
  const request = new Request(url, { method: incoming.method, headers, ...(incoming.method === 'POST' && { body }) })
  const cookie = /flow=([^;]+)/.exec(incoming.headers.cookie)[1]
  return { status: 200, headers: {}, body: JSON.stringify(await callback(request, cookie)) }
}

const server = createServer(async (incoming, outgoing) => {
  const chunks = []
  for await (const chunk of incoming) chunks.push(chunk)
  try {
    const { status, headers, body } = await answer(incoming, Buffer.concat(chunks))
    outgoing.writeHead(status, headers).end(body)
  } catch (error) {
    outgoing.writeHead(400).end(JSON.stringify({ refused: error.code ?? error.name, because: error.cause?.message ?? error.message }))
  }
})
await new Promise((listening) => server.listen(0, '127.0.0.1', listening))
const origin = `http://127.0.0.1:${server.address().port}`
input.on('close', () => process.exit(0))
console.log(server.address().port)
