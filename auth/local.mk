# fragment of auth/, included by Makefile.am
