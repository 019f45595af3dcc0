"""What `adopt` says of its source, as the command, the Job and the programs in it name it."""

from __future__ import annotations

# As MySQL's own clients name them: the certificate and its name, the certificate, TLS with anybody, plaintext.
VERIFY_IDENTITY, VERIFY_CA, REQUIRED, DISABLED = "verify-identity", "verify-ca", "required", "disabled"
SSL_MODES = (VERIFY_IDENTITY, VERIFY_CA, REQUIRED, DISABLED)
VERIFYING = (VERIFY_IDENTITY, VERIFY_CA)

# The account that copies is dropped by the end of its Job; the primary's agent drops one that this did not reach.
GRACE_SECONDS = 900
GIVEN_BACK = "the source takes writes again"
UNTOUCHED = "the source is untouched"


def is_plain(text: str) -> bool:
    """False of names with control characters: they break lines, option files and terminals."""
    return text.isprintable()
