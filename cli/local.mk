# fragment of cli/, included by Makefile.am
