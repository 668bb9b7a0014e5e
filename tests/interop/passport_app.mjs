// Passport's strategies at emulated services: every address is the strategy's own, and only the hosts lead here.
//
// Standard input: one line of JSON, {hosts: {host: port}, apps: {type: {id, secret, extras}}, callback}.
// GET /login/{type} leads to the service; /callback/{type} answers with what the strategy made of the person.
import express from 'express'
import session from 'express-session'
import http, { createServer } from 'node:http'
import https from 'node:https'
import passport from 'passport'
import Apple from 'passport-apple'
import Discord from 'passport-discord'
import { Strategy as Facebook } from 'passport-facebook'
import { Strategy as GitHub } from 'passport-github2'
import GitLab from 'passport-gitlab2'
import { Strategy as Google } from 'passport-google-oauth20'
import { Strategy as Odnoklassniki } from 'passport-odnoklassniki'
import { Strategy as Spotify } from 'passport-spotify'
import { Strategy as Twitter } from 'passport-twitter'
import { Strategy as VK } from 'passport-vk-id'
import { Strategy as Yandex } from 'passport-yandex'
import { given, listenOn } from './app.mjs'

const plain = http.request
const here = ({ host, ...options }, answered) => plain({ ...options, host: '127.0.0.1', port: given.hosts[host] }, answered)
http.request = https.request = here
const known = globalThis.fetch
globalThis.fetch = (address, options) => {
  const url = new URL(address)
  return known(`http://127.0.0.1:${given.hosts[url.host]}${url.pathname}${url.search}`, options)
}

// By type: the strategy, what it wants to hear besides id and secret, and what it is told at the start of a login.
const STRATEGIES = {
  google: [Google, {}, { scope: ['profile', 'email'] }],
  vk: [VK, { scope: ['vkid.personal_info', 'email'] }, {}],
  ok: [Odnoklassniki, { clientPublic: given.apps.ok.extras.public_key }, {}],
  yandex: [Yandex, {}, {}],
  github: [GitHub, { scope: ['user:email'] }, {}],
  facebook: [Facebook, { graphAPIVersion: 'v25.0', enableProof: true, profileFields: ['id', 'displayName', 'emails'] }, { scope: ['email'] }],
  x: [Twitter, { includeEmail: true }, {}],
  discord: [Discord, { scope: ['identify', 'email'] }, {}],
  gitlab: [GitLab, {}, {}],
  spotify: [Spotify, {}, { scope: ['user-read-email'] }],
  apple: [Apple, appleOptions(given.apps.apple.extras), {}, ofApple],
}

// Its strategy mints a state that it never compares, so the session has none to compare either.
function appleOptions({ team_id: teamID, key_id: keyID, private_key: privateKeyString }) {
  return { teamID, keyID, privateKeyString, passReqToCallback: false, state: false }
}

// Apple's tells who it is in the ID token alone.
function ofApple(accessToken, refreshToken, idToken, profile, done) {
  const { sub: id, email } = JSON.parse(Buffer.from(idToken.split('.')[1], 'base64url'))
  done(null, { id, emails: [{ value: email }] })
}

for (const [type, [Strategy, options, , verify]] of Object.entries(STRATEGIES)) {
  const { id, secret } = given.apps[type]
  const names = { clientID: id, clientSecret: secret, consumerKey: id, consumerSecret: secret }
  const settings = { state: true, ...names, callbackURL: `${given.callback}/${type}`, ...options }
  passport.use(type, new Strategy(settings, verify ?? ((token, refresh, profile, done) => done(null, profile))))
}

const app = express()
app.use(session({ secret: 'of this test', resave: false, saveUninitialized: true }))
app.use(express.urlencoded({ extended: false }))
app.get('/login/:type', (request, answer, next) =>
  passport.authenticate(request.params.type, STRATEGIES[request.params.type][2])(request, answer, next),
)
app.all('/callback/:type', (request, answer, next) => {
  Object.defineProperty(request, 'query', { value: request.query, writable: true }) // Apple's writes; Express 5 has a getter
  passport.authenticate(request.params.type, { session: false })(request, answer, next)
})
app.use((request, answer) => {
  const { id, displayName, emails, email } = request.user
  answer.json({ id: String(id), name: displayName, email: emails?.[0]?.value ?? email })
})
app.use((error, request, answer, next) => {
  answer.status(400).json({ refused: error.message, because: String(error.oauthError?.data ?? error.oauthError ?? '') })
})
console.log(await listenOn(createServer(app)))
