EXTRA_DIST += tls-certs-example/make-certs.sh tls-certs-example/README.md
