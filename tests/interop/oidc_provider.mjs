// An OpenID Provider with oidc-provider, its development pages included, over https.
//
// It is given {cert, key, clients}: paths of PEM files, and client metadata as its documentation has it.
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import Provider from 'oidc-provider'
import { given, listenOn } from './app.mjs'

console.warn = () => {} // it warns of its own development pages, at length

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const keys = [rsa, ec].map(({ privateKey }) => ({ ...privateKey.export({ format: 'jwk' }), use: 'sig' }))

// It asks who calls and takes any certificate: which one is whose, the clients' keys say (RFC 8705 section 2.2).
const asked = { requestCert: true, rejectUnauthorized: false }
const server = createServer({ cert: readFileSync(given.cert), key: readFileSync(given.key), ...asked })
const port = await listenOn(server)
const provider = new Provider(`https://127.0.0.1:${port}`, {
  clients: given.clients,
  jwks: { keys },
  clientAuthMethods: [
    'client_secret_basic',
    'client_secret_post',
    'client_secret_jwt',
    'private_key_jwt',
    'self_signed_tls_client_auth',
  ],
  features: {
    claimsParameter: { enabled: true },
    encryption: { enabled: true },
    mTLS: {
      enabled: true,
      selfSignedTlsClientAuth: true,
      getCertificate: (ctx) => {
        const { raw } = ctx.socket.getPeerCertificate()
        return raw && new X509Certificate(raw)
      },
    },
  },
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `The ${id}`, email: `${id}@example.com`, email_verified: true }),
  }),
})
provider.on('server_error', (_, error) => console.error(error))
server.on('request', provider.callback())
console.log(port)
