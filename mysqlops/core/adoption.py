"""Names for the source of `adopt` that the command, its Job and the programs in the Job share."""

from __future__ import annotations

# MySQL's own names: verify the certificate and the host, verify the certificate, TLS with any server, plaintext.
VERIFY_IDENTITY, VERIFY_CA, REQUIRED, DISABLED = "verify-identity", "verify-ca", "required", "disabled"
SSL_MODES = (VERIFY_IDENTITY, VERIFY_CA, REQUIRED, DISABLED)
VERIFYING = (VERIFY_IDENTITY, VERIFY_CA)

# The account that copies is dropped at the end of its Job; if the Job never gets there, the primary's agent drops it.
GRACE_SECONDS = 900
GIVEN_BACK = "the source takes writes again"
UNTOUCHED = "the source is untouched"


def is_plain(text: str) -> bool:
    """False for names with control characters: they break lines, option files and terminals."""
    return text.isprintable()
