// What every app of these tests has in common: what it is given, how it listens, how it tells what it learnt.
//
// Standard input: one line of JSON, {issuer, scope, port, clients: {client_id: {secret, method, key}}}; its end ends the
// app. Without a port it takes any. Standard output: the port it listens on.
import { randomUUID, webcrypto } from 'node:crypto'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'

const input = createInterface({ input: process.stdin })

export const given = JSON.parse((await input[Symbol.asyncIterator]().next()).value)

const flows = new Map() // by the value of a cookie: what this browser's login must match

export function leadTo(location, flow) {
  const id = randomUUID()
  flows.set(id, flow)
  return { status: 302, headers: { location, 'set-cookie': `flow=${id}; HttpOnly; Path=/` } }
}

function flowOf(incoming) {
  const id = /flow=([^;]+)/.exec(incoming.headers.cookie ?? '')?.[1]
  const flow = flows.get(id)
  flows.delete(id)
  return flow
}

// The private key of a client that proves itself with one, or a stranger's that goes by the same name.
export async function keyOf({ key }, isStranger) {
  const kind = { name: 'ECDSA', namedCurve: 'P-256' }
  if (!isStranger) return { key: await webcrypto.subtle.importKey('jwk', key, kind, false, ['sign']), kid: key.kid }
  const made = await webcrypto.subtle.generateKey(kind, false, ['sign', 'verify'])
  return { key: made.privateKey, kid: key.kid }
}

async function bodyOf(incoming) {
  const chunks = []
  for await (const chunk of incoming) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function asRequest(incoming, url, body) {
  const headers = { 'content-type': incoming.headers['content-type'] ?? '' }
  return new Request(url, { method: incoming.method, headers, ...(incoming.method === 'POST' && { body }) })
}

// `routes` by the first part of the path: ({url, wants, argument, request, flow, origin}) => what `leadTo` gives, or
// what was learnt. `argument` is the rest of the path, `wants` tells whether the query names something, `flow` is this
// browser's login, once. `say` words a failure.
export async function listen(routes, say) {
  const server = createServer(async (incoming, outgoing) => {
    const url = new URL(incoming.url, origin)
    const [, route, argument] = url.pathname.split('/')
    try {
      const request = asRequest(incoming, url, await bodyOf(incoming))
      const flow = route in { callback: 0, left: 0 } ? flowOf(incoming) : undefined
      const wants = (name) => url.searchParams.has(name)
      const found = await routes[route]({ url, wants, argument, request, flow, origin })
      if (found.headers) outgoing.writeHead(found.status, found.headers).end()
      else outgoing.writeHead(200).end(JSON.stringify(found))
    } catch (error) {
      outgoing.writeHead(400).end(JSON.stringify(say(error)))
    }
  })
  const port = await listenOn(server)
  const origin = `http://127.0.0.1:${port}`
  console.log(port)
}

// The port that it got.
export async function listenOn(server) {
  await new Promise((listening) => server.listen(given.port ?? 0, '127.0.0.1', listening))
  input.on('close', () => process.exit(0))
  return server.address().port
}
