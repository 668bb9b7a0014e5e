/** What the broker answers a token request (RFC 6749 section 5.1). Ask userinfo who it is; the ID token is not verified. */
export interface Tokens {
  access_token: string
  token_type: string
  expires_in: number
  scope?: string
  id_token?: string
  refresh_token?: string
}

/**
 * What every promise here is rejected with. `error` is the code of the broker, or one of
 * `no_answer`: the window was closed, or a frame was told nothing within ten seconds;
 * `mix_up`: another issuer answered (RFC 9207).
 */
export interface Failure extends Error {
  error: string
  error_description?: string
}

/** How this app is known to the broker: its issuer without a slash at the end, and a redirect URI of this very origin. */
export interface App {
  issuer: string
  client_id: string
  redirect_uri: string
  /** With spaces; `openid` when left out. */
  scope?: string
  /** What calls the token endpoint, in place of `window.fetch`: `bound()` of `broker-popup/dpop`. */
  fetch?: (url: string, init?: RequestInit) => Promise<Response>
}

export interface Broker {
  /**
   * Opens the popup; call it where somebody clicked, before anything is awaited. Where the browser blocks popups the page
   * itself goes to the broker, the promise comes to null, and `finish` has the tokens when it is back.
   * `more` are further parameters of the request, such as `{ idp_hint: "google" }`.
   */
  signIn(more?: Record<string, string>): Promise<Tokens | null>
  /**
   * Call it whenever the page at the redirect URI loads. After a redirect of this page: the tokens. In a popup that lost
   * its opener: passes the answer on to the page that waits, and closes the window. Otherwise nothing.
   */
  finish(): Promise<Tokens | undefined>
  /**
   * New tokens without asking anybody: by the refresh token if one is given, else in a hidden frame. Browsers let the
   * frame see the session where app and broker are of one site; elsewhere it comes to `login_required`.
   * `more` are further parameters of the frame's request: with `{ id_token_hint }` it is the same person or nobody.
   */
  renew(refresh_token?: string | null, more?: Record<string, string>): Promise<Tokens>
}

/** Asks for nothing yet. */
export function connect(app: App): Broker
