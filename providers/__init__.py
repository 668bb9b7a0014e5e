"""One upstream per file. `broker.registry` imports only the types that the configuration names."""

BUILTIN = {
    "google": "providers.google:Google",
    "oidc": "providers.oidc:Oidc",
    "ok": "providers.ok:OK",
    "telegram": "providers.telegram:Telegram",
    "vk": "providers.vk:VK",
    "yandex": "providers.yandex:Yandex",
    # --- facebook
    "facebook": "providers.facebook:Facebook",
    # --- instagram
    "instagram": "providers.instagram:Instagram",
    # --- github
    "github": "providers.github:GitHub",
    # --- linkedin
    "linkedin": "providers.linkedin:LinkedIn",
    # --- x
    "x": "providers.x:X",
    # --- apple
    "apple": "providers.apple:Apple",
    # --- microsoft
    "microsoft": "providers.microsoft:Microsoft",
    "mailru": "providers.mailru:MailRu",
    "tid": "providers.tid:TID",
    "sber": "providers.sber:Sber",
    "oauth2": "providers.oauth2:OAuth2",
    # --- oauth2
    # --- oauth1
    # --- discord
    # --- gitlab
    # --- twitch
    # --- spotify
    # --- slack
}
