# fragment of conf/, included by Makefile.am
