// Apache-2.0; see broker-dpop.d.ts
const done = (request) => new Promise((resolve, reject) => {
	request.onsuccess = () => resolve(request.result)
	request.onerror = () => reject(request.error)
})

// The one key of this origin and name. The browser signs with it, and shows it to no script.
async function load(name) {
	const opening = indexedDB.open(name)
	opening.onupgradeneeded = () => opening.result.createObjectStore("keys")
	const db = await done(opening), keys = (mode) => db.transaction("keys", mode).objectStore("keys")
	const found = await done(keys("readonly").get(0))
	if (found) return found
	const made = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign"])
	await done(keys("readwrite").add(made, 0)).catch(() => {}) // another tab was faster: its key counts
	return done(keys("readonly").get(0))
}

const bytes = (text) => new TextEncoder().encode(text)
const base64url = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
	.replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "")
const json = (value) => base64url(bytes(JSON.stringify(value)))

export function bound(name = "broker-dpop") {
	const nonces = {}, loading = load(name)

	async function prove(url, htm, token) {
		const { privateKey, publicKey } = await loading, { origin, pathname } = new URL(url)
		const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", publicKey)
		const claims = { jti: crypto.randomUUID(), htm, htu: origin + pathname, iat: Math.floor(Date.now() / 1000) }
		if (token) claims.ath = base64url(await crypto.subtle.digest("SHA-256", bytes(token)))
		if (nonces[origin]) claims.nonce = nonces[origin]
		const said = `${json({ typ: "dpop+jwt", alg: "ES256", jwk: { kty, crv, x, y } })}.${json(claims)}`
		const how = { name: "ECDSA", hash: "SHA-256" }
		return `${said}.${base64url(await crypto.subtle.sign(how, privateKey, bytes(said)))}`
	}

	return async function send(url, init = {}, again = true) {
		const headers = new Headers(init.headers), { origin } = new URL(url), method = init.method ?? "GET"
		headers.set("DPoP", await prove(url, method, headers.get("authorization")?.replace(/^DPoP /i, "")))
		const answer = await fetch(url, { ...init, headers }), nonce = answer.headers.get("dpop-nonce")
		if (nonce) nonces[origin] = nonce
		if (answer.ok || !nonce || !again) return answer
		const said = answer.headers.get("www-authenticate") + await answer.clone().text()
		return said.includes("_dpop_") ? send(url, init, false) : answer // it wants the nonce, or the clock is wrong
	}
}
