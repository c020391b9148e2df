# fragment of scripts/, included by Makefile.am
