// A single-page app without a server of its own, with either of two libraries, that tells what it learnt.
//
// /?library=...&issuer=...&client_id=... begins a login, in a popup with &popup=1; /callback ends it.
import * as client from 'openid-client'

const SCOPE = 'openid profile email offline_access'
const redirectUri = `${location.origin}/callback`

const LIBRARIES = {
  'oidc-client-ts': ({ issuer, client_id }) => {
    const users = new oidc.UserManager({
      authority: issuer,
      client_id,
      redirect_uri: redirectUri,
      scope: SCOPE,
      loadUserInfo: true,
      userStore: new oidc.WebStorageStateStore({ store: sessionStorage }),
    })
    const told = (user) => ({ claims: user.profile, access_token: user.access_token, refresh_token: user.refresh_token })
    return {
      begin: () => users.signinRedirect(),
      popup: async () => ({ first: told(await users.signinPopup()), fresh: told(await users.signinSilent()) }),
      finish: async () => {
        const user = await users.signinCallback() // of a popup: nobody, and the window closes
        return user && { first: told(user), fresh: told(await users.signinSilent()) }
      },
    }
  },

  'openid-client': ({ issuer, client_id }) => {
    const configure = () =>
      client.discovery(new URL(issuer), client_id, undefined, client.None(), {
        execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
      })
    const told = async (config, tokens, sub) => ({
      claims: { ...tokens.claims(), ...(await client.fetchUserInfo(config, tokens.access_token, sub)) },
      access_token: tokens.access_token,
      refresh_token: tokens.refresh_token,
    })
    return {
      begin: async () => {
        const flow = { state: client.randomState(), nonce: client.randomNonce(), verifier: client.randomPKCECodeVerifier() }
        sessionStorage.setItem('flow', JSON.stringify(flow))
        location.href = client.buildAuthorizationUrl(await configure(), {
          redirect_uri: redirectUri,
          scope: SCOPE,
          state: flow.state,
          nonce: flow.nonce,
          code_challenge: await client.calculatePKCECodeChallenge(flow.verifier),
          code_challenge_method: 'S256',
        })
      },
      finish: async () => {
        const config = await configure()
        const flow = JSON.parse(sessionStorage.getItem('flow'))
        const tokens = await client.authorizationCodeGrant(config, new URL(location.href), {
          pkceCodeVerifier: flow.verifier,
          expectedState: flow.state,
          expectedNonce: flow.nonce,
        })
        const { sub } = tokens.claims()
        const fresh = await client.refreshTokenGrant(config, tokens.refresh_token)
        return { first: await told(config, tokens, sub), fresh: await told(config, fresh, sub) }
      },
    }
  },
}

async function run() {
  if (location.pathname === '/callback') {
    const given = JSON.parse(localStorage.getItem('given'))
    return LIBRARIES[given.library](given).finish()
  }
  const given = Object.fromEntries(new URLSearchParams(location.search))
  localStorage.setItem('given', JSON.stringify(given))
  if (given.popup) return LIBRARIES[given.library](given).popup()
  await LIBRARIES[given.library](given).begin()
  return null
}

try {
  const found = await run()
  if (found) document.getElementById('told').textContent = JSON.stringify(found)
} catch (error) {
  document.getElementById('told').textContent = JSON.stringify({ refused: error.cause?.message ?? error.message })
}
