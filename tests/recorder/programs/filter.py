"""Posts a file by a chain of OpenSSL's BIOs (BIO_new_ssl_connect(3)): the URL, and the file."""

from __future__ import annotations

import ctypes as c
import sys
import urllib.parse
from pathlib import Path

BIO_C_SET_CONNECT, BIO_C_DO_STATE_MACHINE = 100, 101  # include/openssl/bio.h
openssl = c.CDLL("libssl.so.3")
for name in ("TLS_client_method", "SSL_CTX_new", "BIO_new_ssl_connect"):
    getattr(openssl, name).restype = c.c_void_p
to = urllib.parse.urlsplit(sys.argv[1])
body = Path(sys.argv[2]).read_bytes()
context = c.c_void_p(openssl.SSL_CTX_new(c.c_void_p(openssl.TLS_client_method())))
chain = c.c_void_p(openssl.BIO_new_ssl_connect(context))
libcrypto = c.CDLL("libcrypto.so.3")
libcrypto.BIO_ctrl(chain, BIO_C_SET_CONNECT, c.c_long(0), to.netloc.encode())
assert libcrypto.BIO_ctrl(chain, BIO_C_DO_STATE_MACHINE, c.c_long(0), None) == 1
request = b"POST %s HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (to.path.encode(), len(body)) + body
assert libcrypto.BIO_write(chain, request, len(request)) == len(request)
assert libcrypto.BIO_read(chain, c.create_string_buffer(99), 99) > 0
