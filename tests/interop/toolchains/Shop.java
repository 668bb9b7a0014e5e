package shop;

import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.client.OAuth2AuthorizeRequest;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClientManager;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClientService;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClient;
import org.springframework.security.oauth2.core.OAuth2AccessToken;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.core.Authentication;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** An app that tells who is signed in, and lets a token grow old. */
@SpringBootApplication
@RestController
class Shop {
    private final OAuth2AuthorizedClientService kept;
    private final OAuth2AuthorizedClientManager manager;

    Shop(OAuth2AuthorizedClientService kept, OAuth2AuthorizedClientManager manager) {
        this.kept = kept;
        this.manager = manager;
    }

    public static void main(String[] arguments) {
        SpringApplication.run(Shop.class, arguments);
    }

    @GetMapping("/")
    Map<String, String> home(@AuthenticationPrincipal OidcUser user) {
        return Map.of("user", user.getSubject());
    }

    /** The refresh token before and after Spring found the access token to be over. */
    @GetMapping("/refresh")
    Map<String, String> refresh(Authentication who) {
        var before = kept.loadAuthorizedClient("example-id", who.getName());
        var token = before.getAccessToken();
        var over = new OAuth2AccessToken(token.getTokenType(), token.getTokenValue(),
            token.getIssuedAt().minusSeconds(86400), token.getIssuedAt().minusSeconds(3600), token.getScopes());
        kept.saveAuthorizedClient(
            new OAuth2AuthorizedClient(before.getClientRegistration(), who.getName(), over, before.getRefreshToken()), who);
        var after = manager.authorize(OAuth2AuthorizeRequest.withClientRegistrationId("example-id").principal(who).build());
        return Map.of("before", before.getRefreshToken().getTokenValue(), "after", after.getRefreshToken().getTokenValue());
    }
}
