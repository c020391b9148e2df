# fragment of tls-certs-example/, included by Makefile.am
