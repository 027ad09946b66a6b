"""Whom the pages believe to be their desk: whoever shows the certificate it was given."""

import ssl

_KNOWN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
# The certificate itself is what is trusted, whatever name it bears and whoever signed it: the
# pages ask the very address their browser reached.
_KNOWN.check_hostname = False
_KNOWN.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def trust(certificate: str) -> None:
    """Believe who shows this certificate (PEM file)."""
    _KNOWN.load_verify_locations(cafile=certificate)


def known() -> ssl.SSLContext:
    return _KNOWN
