"""One upstream per file. `broker.registry` imports only the types that the configuration names."""

from pathlib import Path

PRESETS = tuple(sorted(path.stem for path in Path(__file__).parent.glob("presets/*.yaml")))

BUILTIN = {
    "google": "providers.google:Google",
    "oidc": "providers.oidc:Oidc",
    "ok": "providers.ok:OK",
    "telegram": "providers.telegram:Telegram",
    "vk": "providers.vk:VK",
    "yandex": "providers.yandex:Yandex",
    "facebook": "providers.facebook:Facebook",
    "instagram": "providers.instagram:Instagram",
    "github": "providers.github:GitHub",
    "linkedin": "providers.linkedin:LinkedIn",
    "x": "providers.x:X",
    "apple": "providers.apple:Apple",
    "microsoft": "providers.microsoft:Microsoft",
    "mailru": "providers.mailru:MailRu",
    "tid": "providers.tid:TID",
    "sber": "providers.sber:Sber",
    "oauth2": "providers.oauth2:OAuth2",
    "oauth1": "providers.oauth1:OAuth1",
    **{name: f"presets/{name}.yaml" for name in PRESETS},
}
