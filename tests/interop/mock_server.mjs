// An OpenID Provider with oauth2-mock-server, which lets everybody in as one person, over http.
import { createServer } from 'node:http'
import { OAuth2Server } from 'oauth2-mock-server'
import { listenOn } from './app.mjs'

const mock = new OAuth2Server()
await mock.issuer.keys.generate('RS256')
const server = createServer(mock.service.requestHandler)
const port = await listenOn(server)
mock.issuer.url = `http://127.0.0.1:${port}`
console.log(port)
