"""What to do about what ngrok says."""

import re

TOKEN = "https://dashboard.ngrok.com/get-started/your-authtoken"  # noqa: S105
DOWNLOAD = "https://ngrok.com/download"
DOMAINS = "https://dashboard.ngrok.com/domains"

# What is wrong, and what to do about it. In our words: where ngrok's own tell of a token, they repeat it.
PROBLEMS = {
    "4018": ("ngrok asks for a token", f"Put that of your account in NGROK_AUTHTOKEN: {TOKEN}."),
    "105": ("The ngrok token is malformed", f"Copy it whole from {TOKEN}; an API key is not such a token."),
    "107": ("ngrok does not know the token", f"It was reset or revoked: copy it again from {TOKEN}."),
    "108": (
        "The ngrok account has too many agents",
        "End one; https://dashboard.ngrok.com/agents lists them.",
    ),
    "121": ("The ngrok agent is too old", f"Update it with `ngrok update`, or from {DOWNLOAD}."),
    "123": ("The ngrok account's e-mail is unverified", "See https://dashboard.ngrok.com/user/settings."),
    "313": ("The domain needs a paid ngrok plan", f"Use the free one that {DOMAINS} shows, or none."),
    "319": (
        "The domain is not the ngrok account's",
        f"Compare it with {DOMAINS}, and check whose token it is.",
    ),
    "334": (
        "The URL is already online",
        "End the agent that serves it, maybe one left over: `pgrep -a ngrok`.",
    ),
    "727": ("The ngrok account's monthly quota is used up", "Wait for the next month, or enlarge the plan."),
    "3200": ("The URL is offline", "No agent serves it: start the listener again, or check the domain."),
    "8012": ("The ngrok agent can't reach the listener", "Check that it runs, on the port of the tunnel."),
    "9009": (
        "A proxy needs a paid ngrok plan",
        "Unset http_proxy and https_proxy, and proxy_url in ngrok.yml.",
    ),
}
CODE = re.compile(r"ERR_NGROK_(\d+)")


def advice(code: str) -> str:
    """One line on what to do about an error of ngrok's, known as ``ERR_NGROK_4018`` or ``4018``."""
    number = code.upper().removeprefix("ERR_NGROK_")
    page = f"/err_ngrok_{number}" if number.isdecimal() else ""
    return PROBLEMS.get(number, ("", f"ngrok explains it at https://ngrok.com/docs/errors{page}."))[1]
