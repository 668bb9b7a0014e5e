// Apache-2.0; see broker-popup.d.ts
const KEY = "broker-popup"

async function check(said) {
	if (said.error) throw Object.assign(Error(said.error), said)
	return said
}

export function connect({ issuer, client_id, redirect_uri, scope = "openid", fetch = self.fetch }) {
	async function ask(more, response_mode) {
		const state = crypto.randomUUID(), code_verifier = crypto.randomUUID() + crypto.randomUUID()
		const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(code_verifier))
		const code_challenge = btoa(String.fromCharCode(...new Uint8Array(hash)))
			.replace(/\+/g, "-").replace(/\//g, "_").slice(0, -1)
		return [{ state, code_verifier }, `${issuer}/authorize?` + new URLSearchParams({ response_type: "code", scope, state,
			response_mode, client_id, redirect_uri, code_challenge, code_challenge_method: "S256", ...more })]
	}

	async function token(form) {
		const sent = { method: "POST", body: new URLSearchParams({ client_id, ...form }) }
		return check(await (await fetch(`${issuer}/token`, sent)).json())
	}

	async function redeem({ code_verifier }, said) {
		const { code } = await check(said.iss === issuer ? said : { error: "mix_up" })
		return token({ grant_type: "authorization_code", code, redirect_uri, code_verifier })
	}

	const hear = (asked, from, over) => new Promise((resolve) => {
		let late = 0
		const channel = new BroadcastChannel(KEY), stop = new AbortController()
		const end = (value) => { clearInterval(timer); channel.close(); stop.abort(); resolve(value) }
		const take = (said) => said?.state === asked.state && end(redeem(asked, said))
		const timer = setInterval(() => over() && late++ && end(check({ error: "no_answer" })), 500)
		channel.onmessage = ({ data }) => take(data)
		addEventListener("message", ({ origin, source, data }) =>
			origin === new URL(issuer).origin && source === from && take(data.response), stop)
	})

	return {
		async signIn(more) {
			const popup = open("", "", "width=480,height=720")
			const [asked, url] = await ask(more, popup ? "web_message" : "query")
			if (!popup) sessionStorage[KEY] = JSON.stringify(asked);
			(popup ?? window).location = url
			return popup && hear(asked, popup, () => popup.closed && document.hasFocus())
		},

		async finish() {
			const said = Object.fromEntries(new URLSearchParams(location.search))
			if (!said.state) return
			const asked = JSON.parse(sessionStorage[KEY] ?? "{}")
			delete sessionStorage[KEY]
			history.replaceState(null, "", redirect_uri)
			if (asked.state === said.state) return redeem(asked, said)
			new BroadcastChannel(KEY).postMessage(said)
			close()
		},

		async renew(refresh_token, more) {
			if (refresh_token) return token({ grant_type: "refresh_token", refresh_token })
			const [asked, src] = await ask({ prompt: "none", ...more }, "web_message"), end = Date.now() + 1e4
			const frame = Object.assign(document.createElement("iframe"), { hidden: true, src })
			document.body.append(frame)
			return hear(asked, frame.contentWindow, () => Date.now() > end).finally(() => frame.remove())
		},
	}
}
