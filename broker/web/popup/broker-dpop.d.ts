/**
 * A `fetch` that shows a key with every request (DPoP, RFC 9449). The key is made once for this origin and `name`, kept in
 * IndexedDB, and can be used by scripts of the origin but read by none. Give it to `connect`, and the tokens are bound to
 * the key: whoever carries them off can use neither. Send an access token as `Authorization: DPoP …`.
 *
 * A request that was refused for want of a nonce, or for this machine's clock, is sent once more with the nonce of the answer.
 */
export function bound(name?: string): (url: string, init?: RequestInit) => Promise<Response>
